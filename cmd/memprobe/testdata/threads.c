/* Makes threads that end at once, all the time. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *end(void *unused) { return unused; }

static void *make(void *unused) {
    for (;;) {
        pthread_t other;
        if (pthread_create(&other, NULL, end, NULL) == 0)
            pthread_join(other, NULL);
    }
    return unused;
}

int main(void) {
    pthread_t maker;
    int i;
    for (i = 0; i < 4; i++)
        pthread_create(&maker, NULL, make, NULL);
    puts("end 0");
    fflush(stdout);
    while (getchar() != EOF) {}
    _exit(0);
}
