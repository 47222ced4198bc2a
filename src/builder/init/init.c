/*
 * The first program of an instance: init STOPSIGNAL:SECONDS PROGRAM ARGUMENT…
 *
 * It starts the program and ends with its exit code, or with 128 + the number of the signal that ended it. The stop signal
 * goes to every process of the instance, stopped ones go on, and then this program waits for all of them. When the program
 * ends by itself, this one ends at once. Any other signal goes to the program's process group.
 *
 * A process of the instance can send the stop signal too: kill(-1) reaches this program beside all others, and process 1
 * passes on what it gets. So a signal that is not from process 1 or from outside is no stop, and a stop is over after
 * SECONDS, when the engine would have killed everything. Otherwise a crash would go unseen while anything ran on.
 *
 * It runs in any image, so it uses no library. The engine's own init is process 1 and the parent of this one.
 */
#include <asm/errno.h>
#include <asm/unistd.h>
#include <asm/siginfo.h>
#include <linux/prctl.h>
#include <linux/time.h>

#define SIGALRM 14
#define SIGCHLD 17
#define SIGCONT 18
#define SIGTSTP 20
#define SIG_BLOCK 0
#define SIG_SETMASK 2
#define WNOHANG 1
#define WUNTRACED 2
#define TIOCSPGRP 0x5410

#if defined(__x86_64__)
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\nxor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
#elif defined(__aarch64__)
static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = 0;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\nmov x29, #0\nmov x0, sp\nbl begin\n");
#else
#error "There is no init for this processor."
#endif

static unsigned long length(const char *text) {
  unsigned long count = 0;
  while (text[count]) count++;
  return count;
}

static void leave(int code) {
  for (;;) call(__NR_exit_group, code, 0, 0, 0);
}

static void fail(const char *program, const char *why, int code) {
  call(__NR_write, 2, (long)program, length(program), 0);
  call(__NR_write, 2, (long)why, length(why), 0);
  leave(code);
}

/* Returns only when it fails. A script without an interpreter line is run by sh, as execvp(3) does. */
static long execute(const char *path, char **arguments, char **environment) {
  long result = call(__NR_execve, (long)path, (long)arguments, (long)environment, 0);
  if (result != -ENOEXEC) return result;
  int count = 0;
  while (arguments[count]) count++;
  char *script[count + 2];
  script[0] = "sh";
  script[1] = (char *)path;
  for (int i = 1; i <= count; i++) script[i + 1] = arguments[i];
  return call(__NR_execve, (long)"/bin/sh", (long)script, (long)environment, 0);
}

static const char *searchPath(char **environment) {
  for (; *environment; environment++) {
    const char *entry = *environment;
    if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=') return entry + 5;
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Replaces this process by the program, which is looked for in PATH when its name has no slash. */
static void become(char **arguments, char **environment) {
  const char *name = arguments[0];
  const unsigned long bytes = length(name);
  int hasSlash = 0;
  for (unsigned long i = 0; i < bytes; i++) hasSlash |= name[i] == '/';
  long result = -ENOENT;
  if (hasSlash) {
    result = execute(name, arguments, environment);
  } else if (bytes > 0) {
    const char *from = searchPath(environment);
    for (;;) {
      unsigned long size = 0;
      while (from[size] && from[size] != ':') size++;
      char path[size + bytes + 3];
      unsigned long end = 0;
      for (; end < size; end++) path[end] = from[end];
      if (size == 0) path[end++] = '.';
      path[end++] = '/';
      for (unsigned long i = 0; i <= bytes; i++) path[end + i] = name[i];
      const long found = execute(path, arguments, environment);
      /* A file that may not be executed is reported only when no later folder has another. */
      if (found != -ENOENT && found != -ENOTDIR) result = found;
      if (found != -ENOENT && found != -ENOTDIR && found != -EACCES) break;
      if (from[size] == 0) break;
      from += size + 1;
    }
  }
  if (result == -ENOENT || result == -ENOTDIR) fail(name, ": not found\n", 127);
  if (result == -EACCES) fail(name, ": may not be executed\n", 126);
  if (result == -ENOEXEC) fail(name, ": not a program for this machine\n", 126);
  if (result == -E2BIG) fail(name, ": its arguments and its environment are too long\n", 126);
  fail(name, ": could not be executed\n", 126);
}

/* The number at the text's beginning. Leaves the text at the first character that is no digit. */
static long numberAt(const char **text) {
  long number = 0;
  for (; **text >= '0' && **text <= '9'; (*text)++) number = number * 10 + **text - '0';
  return number;
}

/* Whether a process of the instance sent it. Senders outside have no number here, and a signal of the kernel has no sender. */
static int isFromInside(const siginfo_t *signal) {
  return signal->si_code <= 0 && signal->si_pid > 1;
}

/* Whether the status is that of a process which Ctrl-Z stopped. Nobody is there to let it go on: this is no shell. */
static int isSuspended(int status) {
  return status == (SIGTSTP << 8 | 0x7f);
}

static int isStopped(int status) {
  return (status & 0xff) == 0x7f;
}

static int codeOf(int status) {
  const int signal = status & 0x7f;
  return signal == 0 ? (status >> 8) & 0xff : 128 + signal;
}

__attribute__((used)) void begin(long *stack) {
  const long count = stack[0];
  char **arguments = (char **)(stack + 1);
  char **environment = arguments + count + 1;
  if (count < 3) fail("init", " STOPSIGNAL:SECONDS PROGRAM ARGUMENT…\n", 64);
  const char *text = arguments[1];
  const long stopSignal = numberAt(&text);
  if (*text == ':') text++;
  const struct itimerval stopTime = {{0, 0}, {numberAt(&text), 0}};

  /* Processes whose parent has ended become children of this one. */
  call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0);
  const unsigned long all = ~0ul;
  unsigned long before = 0;
  call(__NR_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, sizeof all);
  const long program = call(__NR_clone, SIGCHLD, 0, 0, 0);
  if (program < 0) fail("init", ": no process could be started\n", 126);
  if (program == 0) {
    /* A group of its own, which gets what is typed at the terminal, if there is one. */
    call(__NR_setpgid, 0, 0, 0, 0);
    const int group = call(__NR_getpid, 0, 0, 0, 0);
    call(__NR_ioctl, 0, TIOCSPGRP, (long)&group, 0);
    call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before);
    become(arguments + 2, environment);
  }
  /* Here too, so that a signal that comes at once finds the group. */
  call(__NR_setpgid, program, program, 0, 0);

  int code = -1;
  int isStopping = 0;
  for (;;) {
    siginfo_t from;
    const long signal = call(__NR_rt_sigtimedwait, (long)&all, (long)&from, 0, sizeof all);
    if (signal <= 0) continue;
    if (signal == stopSignal && !isFromInside(&from)) {
      if (!isStopping) call(__NR_setitimer, ITIMER_REAL, (long)&stopTime, 0, 0);
      isStopping = 1;
      call(__NR_kill, -1, signal, 0, 0);
      call(__NR_kill, -1, SIGCONT, 0, 0);
    } else if (signal == SIGALRM && isStopping) {
      isStopping = 0;
    } else if (signal != SIGCHLD && code < 0) {
      call(__NR_kill, -program, signal, 0, 0);
    }
    for (;;) {
      int status;
      const long ended = call(__NR_wait4, -1, (long)&status, WNOHANG | WUNTRACED, 0);
      if (ended == program && isSuspended(status)) call(__NR_kill, -program, SIGCONT, 0, 0);
      if (ended == program && !isStopped(status)) code = codeOf(status);
      if (ended == 0) break;
      if (ended == -ECHILD) leave(code);
      if (ended < 0) break;
    }
    if (code >= 0 && !isStopping) leave(code);
  }
}
