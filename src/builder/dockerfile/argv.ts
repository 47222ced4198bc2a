/**
 * A Procfile's command as argv for an image with unknown contents. A command of plain words is run without a shell, so it
 * works in an image without one and the program receives signals itself. Any other command is run by the image's own sh.
 */
export function argvOf(command: string): readonly string[] {
  const plain = /^[\w@%+:,./\s-][\w@%+=:,./\s-]*$/.test(command) && !/^\S*=/.test(command);
  return plain ? command.split(/\s+/).filter((word) => word !== '') : ['sh', '-c', command];
}
