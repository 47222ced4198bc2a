/*
 * Gives a user of an image another number: own UID USER. It runs as root in the last step of a Dockerfile's build. What
 * belongs to USER belongs to UID then, and the line of /etc/passwd has the new number, so that the name stays. USER is as in
 * the image's configuration: a name or a number, and after a colon a group. Prints `paas-user UID:GID`, with the group that an
 * engine would give USER.
 *
 * It is linked statically, because an image may have no library and no shell.
 */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders that are open at a time. A deeper tree is walked too, more slowly. */
#define OPEN_FOLDERS 200

static uid_t before, after;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static int copy(int from, int to) {
  static char bytes[1 << 20];
  ssize_t count;
  while ((count = read(from, bytes, sizeof bytes)) > 0) {
    if (write(to, bytes, (size_t)count) != count) return 0;
  }
  return count == 0;
}

/*
 * Puts a copy in the place of a file. An overlay copies a file anyway when its owner changes, and then waits for the disk:
 * 10,000 files took 40 s that way on a busy machine, and less than 5 s this way. False if it cannot be done; the file is as
 * before then.
 */
static int replace(const char *path, const struct stat *status) {
  char beside[PATH_MAX];
  if (snprintf(beside, sizeof beside, "%s.paas-own", path) >= (int)sizeof beside) return 0;
  int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return 0;
  int to = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (to < 0) return close(from), 0;
  const struct timespec times[2] = {status->st_atim, status->st_mtim};
  int done = copy(from, to) && fchown(to, after, status->st_gid) == 0 && fchmod(to, status->st_mode & 01777) == 0 &&
             futimens(to, times) == 0;
  close(from);
  done = close(to) == 0 && done && rename(beside, path) == 0;
  if (!done) unlink(beside);
  return done;
}

static int own(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)type, (void)place;
  if (status->st_uid == before && S_ISREG(status->st_mode) && replace(path, status)) return 0;
  if (status->st_uid == before && lchown(path, after, (gid_t)-1) != 0 && errno != ENOENT && errno != EROFS) fail(path);
  return 0;
}

/* The fields of a line of passwd or group. Cuts the line up. False for a line that is none. */
static int fields(char *line, char *found[4]) {
  for (int at = 0; at < 4; at++) {
    found[at] = line;
    line = strchr(line, ':');
    if (line == NULL) return at == 3;
    *line++ = '\0';
  }
  return 1;
}

static int number(const char *text, unsigned *value) {
  char *end;
  unsigned long parsed = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || parsed > 2147483647) return 0;
  *value = (unsigned)parsed;
  return 1;
}

/* Finds the line of a name, or of the number that it is. `id` is the line's number, `group` its fourth field. */
static int find(const char *file, const char *name, unsigned *id, unsigned *group) {
  FILE *lines = fopen(file, "re");
  char *line = NULL, *found[4], *end;
  size_t size = 0;
  unsigned wanted, seen;
  int numeric = number(name, &wanted), done = 0;
  while (lines != NULL && !done && getline(&line, &size, lines) > 0) {
    if ((end = strchr(line, '\n')) != NULL) *end = '\0';
    if (!fields(line, found) || !number(found[2], &seen)) continue;
    if (strcmp(found[0], name) != 0 && !(numeric && seen == wanted)) continue;
    *id = seen;
    if (group != NULL && !number(found[3], group)) *group = 0;
    done = 1;
  }
  free(line);
  if (lines != NULL) fclose(lines);
  return done;
}

/* Writes passwd with the new number. A user without a line gets one. */
static void rename_in_passwd(gid_t group) {
  FILE *lines = fopen("/etc/passwd", "re");
  char *line = NULL, *text = NULL;
  size_t size = 0, length = 0;
  ssize_t read;
  int named = 0;
  if (lines == NULL) return;
  FILE *out = open_memstream(&text, &length);
  while ((read = getline(&line, &size, lines)) > 0) {
    unsigned seen;
    char *copy = strdup(line), *found[4];
    if (fields(copy, found) && number(found[2], &seen) && seen == before) {
      /* The rest of the line begins at the group. */
      fprintf(out, "%s:%s:%u:%s", found[0], found[1], after, line + (found[3] - copy));
      named = 1;
    } else {
      fwrite(line, 1, (size_t)read, out);
      if (line[read - 1] != '\n') fputc('\n', out);
    }
    free(copy);
  }
  if (!named) fprintf(out, "app:x:%u:%u:app:/:/bin/sh\n", after, group);
  fclose(out);
  fclose(lines);
  int file = open("/etc/passwd", O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (file < 0 || write(file, text, length) != (ssize_t)length || close(file) != 0) fail("/etc/passwd");
}

int main(int count, char **words) {
  unsigned uid, group = 0, to;
  if (count != 3 || !number(words[1], &to)) {
    fputs("own UID USER\n", stderr);
    return 64;
  }
  char *user = words[2], *of = strchr(user, ':');
  if (of != NULL) *of++ = '\0';
  if (!find("/etc/passwd", user, &uid, &group) && !number(user, &uid)) {
    fprintf(stderr, "The image has no user %s in /etc/passwd.\n", user);
    return 1;
  }
  if (of != NULL && *of != '\0' && !find("/etc/group", of, &group, NULL) && !number(of, &group)) {
    fprintf(stderr, "The image has no group %s in /etc/group.\n", of);
    return 1;
  }
  before = uid, after = to;
  /* Root's files are the image's, and stay what they are. */
  if (before == 0) group = to;
  else if (nftw("/", own, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT) != 0) fail("/");
  if (before != 0) rename_in_passwd(group);
  printf("paas-user %u:%u\n", to, group);
  return 0;
}
