/** Scripts on the cgroup that an agent has put a worker into, on machines that have cgroups: what the kernel is told about this worker alone. */

/** `$c` is the worker's own cgroup, in which this controller of resources works. */
export function inWorkerCgroup(pid: number, controller: 'memory' | 'cpu', script: string): string {
  return [
    'set -e',
    'root=/sys/fs/cgroup',
    `c=$root$(sed -n 's/^0:://p' /proc/${pid}/cgroup)`,
    // From the root down to the parent: a controller works in a cgroup whose parent gives it on.
    'p=$root',
    `for part in $(dirname "\${c#$root}" | tr / ' '); do echo +${controller} > $p/cgroup.subtree_control; p=$p/$part; done`,
    `echo +${controller} > $p/cgroup.subtree_control`,
    script,
  ].join('\n');
}
