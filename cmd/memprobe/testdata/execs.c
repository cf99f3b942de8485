/* Another thread than its first runs the program again, and again. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *again(void *program) {
    usleep(rand() % 2000);
    execl(program, program, "again", (char *)NULL);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t other;
    if (strcmp(argv[argc - 1], "again") != 0)
        puts("end 0");
    fflush(stdout);
    srand(getpid());
    pthread_create(&other, NULL, again, argv[0]);
    while (getchar() != EOF) {}
    _exit(0);
}
