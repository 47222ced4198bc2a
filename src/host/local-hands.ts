import { statfs } from 'node:fs/promises';
import type { HostHands } from '../domain/host-hands.ts';
import { answers } from './answers.ts';
import { applyHostFirewall, removeHostFirewall } from './host-firewall.ts';

/** The hands on the machine that this process runs on. */
export const localHands: HostHands = {
  answers,
  applyFirewall: applyHostFirewall,
  removeFirewall: removeHostFirewall,
  async disk(path) {
    const disk = await statfs(path).catch(() => null);
    return disk && { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize };
  },
};
