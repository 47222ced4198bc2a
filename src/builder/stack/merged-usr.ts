/** Since Debian 12 these folders are links into `/usr`, but packages may still use their paths. Source: Debian wiki, UsrMerge. */
const merged = /^(bin|sbin|lib|lib32|lib64|libo32|libx32)(?=\/|$)/;

/** A package's path on a system with a merged `/usr`, without a slash at either end; '' is the root. */
export function mergedUsrPath(path: string): string {
  return path
    .replace(/^\.?\/+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
    .replace(merged, 'usr/$1');
}

/** The top-level link that a package's path goes through; null for most paths. */
export function mergedUsrLink(path: string): string | null {
  return merged.exec(path.replace(/^\.?\/+/, ''))?.[1] ?? null;
}
