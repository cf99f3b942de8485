/* Maps memory of every sort, prints "name address" a line, and waits for its standard input to end. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

static pthread_barrier_t ready;
static __thread char mine[1000];
extern char **environ;

static void say(const char *name, const void *at) { printf("%s %lx\n", name, (unsigned long)at); }

/* Deep below its first frame the thread writes, and comes back. */
__attribute__((noinline)) static void reach(long n) {
    volatile char frame[4096];
    frame[0] = frame[4095] = 1;
    if (n > 0) reach(n - 1);
    frame[1] = frame[0];
}

static void *worker(void *name) {
    int local = 0;
    pthread_setname_np(pthread_self(), name);
    reach(!strcmp(name, "deep") ? 50 : 1);
    say(name, &local);
    char label[64];
    snprintf(label, sizeof label, "%s:mine", (char *)name);
    say(label, &mine[500]);
    snprintf(label, sizeof label, "%s:self", (char *)name);
    say(label, (void *)pthread_self());
    pthread_barrier_wait(&ready);
    for (;;) pause();
}

static void spawn(const char *name, pthread_attr_t *attr) {
    pthread_t t;
    if (pthread_create(&t, attr, worker, (void *)name)) exit(1);
}

static char *map(size_t n, int may, int flags) {
    char *at = mmap(0, n, may, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
    if (at == MAP_FAILED) { perror("mmap"); exit(1); }
    return at;
}

int main(int argc, char **argv) {
    const int rw = PROT_READ | PROT_WRITE;
    pthread_attr_t small, unguarded, own;
    mallopt(M_ARENA_MAX, 1); /* as in stacks.c */
    pthread_barrier_init(&ready, 0, 5);
    spawn("deep", 0);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    spawn("two_words", &small);
    pthread_attr_init(&unguarded);
    pthread_attr_setstacksize(&unguarded, 128 << 10);
    pthread_attr_setguardsize(&unguarded, 0);
    spawn("unguarded", &unguarded);
    pthread_attr_init(&own);
    pthread_attr_setstack(&own, map(1 << 20, rw, 0), 1 << 20);
    spawn("own", &own);
    pthread_barrier_wait(&ready);

    say("reserved16T", map(16UL << 40, PROT_NONE, 0));
    say("wx", map(8192, rw | PROT_EXEC, 0));
    char *grows = map(64 << 10, rw, MAP_GROWSDOWN);
    say("growsdown", grows);

    int fd = memfd_create("fast  buffer\n", 0);
    if (fd < 0 || ftruncate(fd, 16384)) exit(1);
    say("memfd", mmap(0, 16384, rw, MAP_SHARED, fd, 0));
    int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
    say("sysv", shmat(id, 0, 0));
    shmctl(id, IPC_RMID, 0);
    say("shared", mmap(0, 8192, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

    char *pages = map(10 * 4096, rw, 0); /* of which 2 are written, 1 is only read */
    madvise(pages, 10 * 4096, MADV_NOHUGEPAGE);
    pages[2 * 4096] = pages[3 * 4096] = 1;
    volatile char zero = pages[6 * 4096];
    (void)zero;
    say("pages", pages);

    say("argument", argv[argc - 1]);
    say("variable", environ[0]);
    say("argv", argv);
    say("environ", environ);
    say("local", &pages);
    printf("end 0\n");
    fflush(stdout);
    while (getchar() != EOF) {}
    return 0;
}
