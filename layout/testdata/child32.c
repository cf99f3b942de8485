/*
 * A program for 32-bit x86 that needs no C library: gcc -m32 -ffreestanding -nostdlib -static. Prints where values of its
 * own lie, one "name address" a line, and then waits for its standard input to end.
 */
static const char constant[] = "a constant";
static const char *const relocated[2] = {constant, constant};
static int initialised[4] = {1, 2, 3, 4};
static int zeroed[5000];

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

enum { EXIT = 1, READ = 3, WRITE = 4, BRK = 45, PAGE = 4096 };

static void show(const char *name, const volatile void *at) {
    char line[64];
    int n = 0;
    while (*name)
        line[n++] = *name++;
    line[n++] = ' ';
    for (int shift = 28; shift >= 0; shift -= 4)
        line[n++] = "0123456789abcdef"[(unsigned long)at >> shift & 15];
    line[n++] = '\n';
    call(WRITE, 1, (long)line, n);
}

void _start(void) {
    volatile int stack = 1;
    char c;
    long heap = call(BRK, 0, 0, 0);
    call(BRK, heap + PAGE, 0, 0);
    zeroed[1] = initialised[1];
    show("function", (void *)&_start);
    show("constant", constant);
    show("relocated", relocated);
    show("initialised", initialised);
    show("zeroed", &zeroed[3000]);
    show("heap", (void *)heap);
    show("stack", &stack);
    show("end", 0);
    while (call(READ, 0, (long)&c, 1) > 0) {}
    call(EXIT, 0, 0, 0);
}
