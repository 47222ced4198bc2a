/** Something that a host has once for all programs, or once for each user. */
export interface UsedUp {
  /** After "The host has no … left". */
  readonly thing: string;
  /** Without its last full stop. */
  readonly hint: string;
}

interface Rule extends UsedUp {
  readonly pattern: RegExp;
}

const raise = (setting: string) => `Raise it on the host (sysctl ${setting}), or stop what uses them up`;

/**
 * The kernel has few error codes: ENOSPC, "no space left on device", is also its answer when terminals, inotify watches,
 * control groups, mounts or ports of a bridge have run out. What the engine tried says which it was. Sources: the manual
 * pages pty(7), inotify(7), cgroups(7), mount(2), keyrings(7), proc(5).
 */
const rules: readonly Rule[] = [
  {
    pattern: /(ptmx|\/dev\/pts).*no space left on device/i,
    thing: 'terminals',
    hint: raise('kernel.pty.max'),
  },
  {
    pattern: /inotify.*(no space left on device|too many open files)/i,
    thing: 'inotify instances or watches',
    hint: raise('fs.inotify.max_user_instances, fs.inotify.max_user_watches'),
  },
  {
    pattern: /cgroup.*no space left on device/i,
    thing: 'control groups',
    hint: 'Remove containers that are not used; a restart of the host frees those that are left over',
  },
  {
    pattern: /error mounting ".*" to rootfs.*no space left on device/i,
    thing: 'mounts',
    hint: raise('fs.mount-max'),
  },
  {
    pattern: /(session key|keyring|keyctl).*disk quota exceeded/i,
    thing: 'keys',
    hint: raise('kernel.keys.root_maxkeys, kernel.keys.maxkeys'),
  },
  { pattern: /too many open files in system/i, thing: 'open files', hint: raise('fs.file-max') },
  {
    pattern: /adding interface .* to bridge .*exchange full/i,
    thing: 'ports of a network bridge',
    hint: 'A bridge has 1,023. Scale down, or remove containers that are not used',
  },
  {
    pattern: /(fork|clone|newosproc|new os thread|pthread_create).*resource temporarily unavailable/i,
    thing: 'processes',
    hint: raise('kernel.pid_max, kernel.threads-max'),
  },
];

/** What has run out by the engine's words; null for a full disk and for anything else. Pure. */
export function usedUp(words: string): UsedUp | null {
  const found = rules.find(({ pattern }) => pattern.test(words));
  return found === undefined ? null : { thing: found.thing, hint: found.hint };
}
