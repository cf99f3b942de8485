/* A thread forks: prints the number of the new process, and where its local variable and main's lie. Waits as child.c does. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static int *of_main;

static void *run(void *unused) {
    int local = 0;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (pause()) {}
    }
    printf("child %lx\nlocal %lx\nmain %lx\nend 0\n", (long)child, (long)&local, (long)of_main);
    fflush(stdout);
    while (getchar() != EOF) {}
    kill(child, SIGKILL);
    exit(0);
    return unused;
}

int main(void) {
    int local = 0;
    pthread_t t;
    of_main = &local;
    pthread_create(&t, 0, run, 0);
    while (pause()) {}
}
