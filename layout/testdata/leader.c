/* Its first thread ends; another prints where values of the program lie, as child.c does, and waits. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int initialised[4] = {1, 2, 3, 4};
static pthread_t first;
static char *on_stack;

static void *run(void *unused) {
    int stack = 1;
    pthread_join(first, NULL); /* the kernel is done with it a moment after */
    printf("function %lx\n", (unsigned long)&run);
    printf("initialised %lx\n", (unsigned long)initialised);
    printf("heap %lx\n", (unsigned long)malloc(100));
    printf("first %lx\n", (unsigned long)on_stack);
    printf("thread %lx\n", (unsigned long)&stack);
    printf("end 0\n");
    fflush(stdout);
    while (getchar() != EOF) {}
    exit(0);
    return unused;
}

int main(void) {
    char c;
    pthread_t other;
    on_stack = &c;
    first = pthread_self();
    pthread_create(&other, NULL, run, NULL);
    pthread_exit(NULL);
}
