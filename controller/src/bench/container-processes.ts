/** QEMU processes of a pod as the host sees them: memory and processor time from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { environmentError } from '../errors/cxlpod-error.ts';

export interface HostProcess {
  readonly pid: number;
  readonly residentBytes: number;
  /** Of that, pages of files and of the shared pool: also counted in every other machine that maps them. */
  readonly sharedBytes: number;
  /** Since its start, in user and kernel mode. */
  readonly cpuS: number;
}

/** USER_HZ of x86-64 Linux, the unit of /proc/<pid>/stat. */
const ticksPerSecond = 100;

/** The processes called `name` in these containers, one or more each. */
export function processesOf(containerIds: readonly string[], name: string): HostProcess[] {
  const found = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const pid = Number(entry);
      const cgroup = read(pid, 'cgroup');
      const isMember = containerIds.some((id) => cgroup.includes(id));
      return isMember && read(pid, 'comm').startsWith(name) ? [measure(pid)] : [];
    });
  if (found.length >= containerIds.length && found.length > 0) return found;
  throw environmentError(
    'NO_MACHINE_PROCESS',
    `found ${found.length} processes ${name} of ${containerIds.length} containers in /proc`,
    {
      hint: 'these figures need to see the host’s processes: run cxlpod on the host, as the engine’s user',
    },
  );
}

function measure(pid: number): HostProcess {
  const kib = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(read(pid, 'status'))?.[1] ?? 0);
  // After the name, which is in parentheses and may hold anything.
  const fields = read(pid, 'stat').split(') ').at(-1)!.split(' ');
  const [userTicks, kernelTicks] = [Number(fields[11]), Number(fields[12])];
  return {
    pid,
    residentBytes: kib('VmRSS') * 1024,
    sharedBytes: (kib('RssShmem') + kib('RssFile')) * 1024,
    cpuS: (userTicks + kernelTicks) / ticksPerSecond,
  };
}

/** Empty for a process that has just ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
