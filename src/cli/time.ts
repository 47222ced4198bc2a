const twoDigits = (n: number) => String(n).padStart(2, '0');

/** `2026/11/22 07:30:10 +0000`, in the zone `offsetMinutes` east of UTC (default: the machine's zone). */
export function timestamp(date: Date, offsetMinutes: number = -date.getTimezoneOffset()): string {
  const local = new Date(date.getTime() + offsetMinutes * 60_000);
  const day = `${local.getUTCFullYear()}/${twoDigits(local.getUTCMonth() + 1)}/${twoDigits(local.getUTCDate())}`;
  const time = `${twoDigits(local.getUTCHours())}:${twoDigits(local.getUTCMinutes())}:${twoDigits(local.getUTCSeconds())}`;
  const offset = Math.abs(offsetMinutes);
  return `${day} ${time} ${offsetMinutes < 0 ? '-' : '+'}${twoDigits(Math.floor(offset / 60))}${twoDigits(offset % 60)}`;
}

/** `2026/11/22 07:30:10 +0000 (~ 1m ago)`; from one day on without the part in brackets. */
export function timeAgo(date: Date, now: Date): string {
  const seconds = Math.floor((now.getTime() - date.getTime()) / 1000);
  const ago =
    seconds < 60
      ? `${Math.max(0, seconds)}s`
      : seconds < 3600
        ? `${Math.floor(seconds / 60)}m`
        : seconds < 86_400
          ? `${Math.floor(seconds / 3600)}h`
          : null;
  return ago === null ? timestamp(date) : `${timestamp(date)} (~ ${ago} ago)`;
}
