/**
 * Whether everybody may register names directly below this one: `com`, `co.uk`, `github.io`. By Mozilla's Public Suffix
 * List (publicsuffix.org), as the package tldts has it. A last label that the list lacks, such as `lan`, counts as one.
 */
export async function isPublicSuffix(name: string): Promise<boolean> {
  // Loaded when it is needed: few hostnames are ever added, and the list takes memory.
  const { getPublicSuffix } = await import('tldts');
  return getPublicSuffix(name, { allowPrivateDomains: true }) === name;
}
