/*
 * Has many mappings, as many as its third argument says, or 700, and changes while it is read. Writes "ready",
 * waits for a number on its standard input, lets so many nanoseconds pass, and then does what its first argument says:
 *
 *   exec    runs itself as "idle", which has few mappings
 *   exit    ends
 *   split, fixed, move N   changes two places, one below and one above the others, N nanoseconds apart, until its
 *                          standard input ends
 *   idle    waits for its standard input to end
 *
 * split and fixed go through three states of the two places: (old, old), (new, old), (new, new), (new, old) ...; so
 * the lower one old and the upper one new never was. move has one mapping in one of the two places at all times.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096L
#define LOWER ((char *)0x100000000)
#define MIDDLE ((char *)0x200000000)
#define UPPER ((char *)0x300000000)

static void must(int good) {
    if (!good) {
        perror("races");
        _exit(3);
    }
}

static void map(char *at, long pages, int prot) {
    must(mmap(at, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
}

static void spin(long ns) {
    struct timespec start, now;
    if (ns <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000000L + now.tv_nsec - start.tv_nsec < ns);
}

static long number(void) {
    char text[32] = "";
    long n = read(0, text, sizeof text - 1);
    if (n <= 0)
        _exit(0);
    return atol(text);
}

static int ended(void) {
    struct pollfd in = {0, POLLIN, 0};
    return poll(&in, 1, 0) != 0;
}

/* Makes a place new or old: three pages, of which the middle one differs in the new state. */
static void split(char *at, int new) { must(mprotect(at + PAGE, PAGE, new ? PROT_READ : PROT_READ | PROT_WRITE) == 0); }
static void fixed(char *at, int new) { map(at, new ? 2 : 3, new ? PROT_READ : PROT_READ | PROT_WRITE); }

int main(int argc, char **argv) {
    const char *mode = argv[1];
    long apart = argc > 2 ? atol(argv[2]) : 0, many = argc > 3 ? atol(argv[3]) : 700;
    void (*change)(char *, int) = strcmp(mode, "split") == 0 ? split : fixed;

    if (strcmp(mode, "idle") == 0) {
        number();
        return 0;
    }
    map(LOWER, 3, PROT_READ | PROT_WRITE);
    if (strcmp(mode, "move") != 0)
        map(UPPER, 3, PROT_READ | PROT_WRITE);
    for (long i = 0; i < many; i++) /* neighbours with the same permissions would become one */
        map(MIDDLE + i * PAGE, 1, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE);
    must(write(1, "ready\n", 6) == 6);
    spin(number());
    if (strcmp(mode, "exec") == 0) {
        execl("/proc/self/exe", argv[0], "idle", NULL);
        must(0);
    }
    if (strcmp(mode, "exit") == 0)
        _exit(0);
    for (long n = 0; !ended(); n++) {
        if (strcmp(mode, "move") == 0) {
            char *from = n % 2 ? UPPER : LOWER, *to = n % 2 ? LOWER : UPPER;
            must(mremap(from, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
        } else {
            change(n % 4 == 0 || n % 4 == 3 ? LOWER : UPPER, n % 4 < 2);
        }
        spin(apart);
    }
    return 0;
}
