/* Before its entry it does what its environment says. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ignore(int signal) { (void)signal; }

static void prepare(void) {
    char *what = getenv("CONSTRUCT");
    if (what == NULL)
        return;
    if (strcmp(what, "trap") == 0) {
        signal(SIGTRAP, ignore);
        raise(SIGTRAP);
        write(2, "went on\n", 8);
    }
    if (strcmp(what, "exec") == 0)
        execlp("true", "true", (char *)NULL);
    if (strcmp(what, "fork") == 0 && fork() == 0) {
        setsid();
        execlp("sleep", "sleep", getenv("WORD"), (char *)NULL);
    }
}

#ifdef LIBRARY
__attribute__((constructor)) static void construct(void) { prepare(); }
#else
int main(void) { return 0; }
#endif
