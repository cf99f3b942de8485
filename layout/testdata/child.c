/* Prints where values of its own lie, one "name address" a line, and then waits for its standard input to end. */
#include <stdio.h>
#include <stdlib.h>

static const char constant[] = "a constant";
static const char *const relocated[4] = {constant, constant, constant, constant};
static int initialised[4] = {1, 2, 3, 4};
static int zeroed[5000];
static __thread int thread[1000];

int main(void) {
    int stack = 1;
    zeroed[1] = stack;
    thread[500] = stack;
    printf("function %lx\n", (unsigned long)&main);
    printf("constant %lx\n", (unsigned long)constant);
    printf("relocated %lx\n", (unsigned long)relocated);
    printf("initialised %lx\n", (unsigned long)initialised);
    printf("zeroed %lx\n", (unsigned long)&zeroed[3000]);
    printf("heap %lx\n", (unsigned long)malloc(100));
    printf("stack %lx\n", (unsigned long)&stack);
    printf("thread %lx\n", (unsigned long)&thread[500]);
    printf("end 0\n");
    fflush(stdout);
    while (getchar() != EOF) {}
    return 0;
}
