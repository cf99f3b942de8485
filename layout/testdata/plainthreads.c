/* Two threads, one with a stack larger than the other's, whose sizes and local variables it prints. Waits as child.c does. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *worker(void *name) {
    int local = 0;
    printf("%s %lx\n", (char *)name, (unsigned long)&local);
    sem_post(&ready);
    while (pause()) {}
    return 0;
}

static void spawn(const char *name, size_t size) {
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, size);
    if (pthread_create(&t, &attr, worker, (void *)name)) exit(1);
    sem_wait(&ready);
    printf("%s:size %lx\n", name, (unsigned long)size);
}

int main(void) {
    sem_init(&ready, 0, 0);
    spawn("small", 128 << 10);
    spawn("large", 2 << 20);
    printf("end 0\n");
    fflush(stdout);
    while (getchar() != EOF) {}
    exit(0);
}
