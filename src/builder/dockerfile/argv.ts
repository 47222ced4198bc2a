/**
 * A Procfile's command as argv for an image that we know nothing of. Plain words need no shell, so an image without one
 * works and the program hears signals itself; anything else is for the image's own sh.
 */
export function argvOf(command: string): readonly string[] {
  const plain = /^[\w@%+:,./\s-][\w@%+=:,./\s-]*$/.test(command) && !/^\S*=/.test(command);
  return plain ? command.split(/\s+/).filter((word) => word !== '') : ['sh', '-c', command];
}
