/** Since Debian 12 these are links into `/usr`, but packages may still name files by them. Source: Debian wiki, UsrMerge. */
const merged = /^(bin|sbin|lib|lib32|lib64|libo32|libx32)(?=\/|$)/;

/** Where a path of a package lies on a system whose `/usr` is merged. Without a slash at either end; '' is the root. */
export function mergedUsrPath(path: string): string {
  return path
    .replace(/^\.?\/+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '')
    .replace(merged, 'usr/$1');
}

/** The link at the top that a path of a package goes through; null for most. */
export function mergedUsrLink(path: string): string | null {
  return merged.exec(path.replace(/^\.?\/+/, ''))?.[1] ?? null;
}
