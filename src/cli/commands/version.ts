import { version } from '../../system/version.ts';
import type { DefineCommand } from '../command.ts';

const define: DefineCommand = (command, session) => {
  command.action(() => {
    const { platform, arch } = process;
    if (session.json) session.printJson({ paas: version, node: process.version, platform, arch });
    else session.print(`paas/${version} ${platform}-${arch} node-${process.version}`);
  });
};

export default define;
