// The guest's first process: from a booted kernel to sshd, both networks and the pool as /dev/cxlpod-pool.
// It is the initrd's only program and does everything with system calls, because under TCG each exec of a tool costs
// some 20 ms. images/README.md lists the kernel parameters, the PCI addresses and the console lines it promises.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK "/dev/vda"
#define READ_AHEAD "/sys/block/vda/queue/read_ahead_kb"
#define CONTROL_ADDRESS "10.0.2.15/24"
#define CONTROL_GATEWAY "10.0.2.2"
#define PCI "/sys/bus/pci/devices/"
#define CONTROL_NIC PCI "0000:00:03.0"
#define POD_NIC PCI "0000:00:04.0"
#define HISTORY PCI "0000:00:05.0"
#define KEYS "/sys/firmware/qemu_fw_cfg/by_name/opt/cxlpod/"
#define CXL "/sys/bus/cxl/devices/"
#define SSHD_PID "/run/sshd.pid"

enum { waitStepMs = 5, deviceDeadlineMs = 20000, sshdDeadlineMs = 30000, textBytes = 4096 };

static char reason[512], refusedModule[256];

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static bool because(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  return false;
}

// Small files: sysfs attributes, kernel parameters, keys. --------------------------------------------------------------

// One of eight buffers in turn: good for the call it is an argument of, not for keeping.
static char *path(const char *format, ...) {
  static char buffers[8][512];
  static unsigned next;
  char *buffer = buffers[next++ % 8];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffers[0], format, arguments);
  va_end(arguments);
  return buffer;
}

static bool read_text(const char *file, char *text, size_t sizeBytes) {
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? -1 : read(fd, text, sizeBytes - 1);
  int error = errno;
  if (fd >= 0) close(fd);
  if (count < 0) return because("cannot read %s: %s", file, strerror(error));
  text[count] = 0;
  text[strcspn(text, "\n")] = 0;
  return true;
}

static bool write_text(const char *file, const char *text) {
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? -1 : write(fd, text, strlen(text));
  int error = errno;
  if (fd >= 0) close(fd);
  return count >= 0 || because("cannot write %s to %s: %s", text, file, strerror(error));
}

// A worker reserves an address range as large as the pool before it maps the pool over it, and the pool may be larger than this
// guest's memory: the kernel must not take the reservation for a promise.
static bool reservations(void) { return write_text("/proc/sys/vm/overcommit_memory", "1"); }

static bool copy_file(const char *from, const char *to, mode_t mode) {
  char bytes[textBytes];
  int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  ssize_t count = in < 0 || out < 0 ? -1 : read(in, bytes, sizeof bytes);
  bool done = count >= 0 && write(out, bytes, count) == count;
  int error = errno;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  return done || because("cannot copy %s to %s: %s", from, to, strerror(error));
}

// The value of `cxlpod.<name>=` on the kernel command line, or NULL.
static char *parameter(const char *name) {
  static char line[textBytes];
  char text[textBytes];
  if (!read_text("/proc/cmdline", text, sizeof text)) return NULL;
  size_t length = strlen(name);
  for (char *rest = text, *word; (word = strsep(&rest, " "));)
    if (!strncmp(word, "cxlpod.", 7) && !strncmp(word + 7, name, length) && (word[7 + length] == '=' || !word[7 + length]))
      return strcpy(line, word[7 + length] ? word + 8 + length : "");
  return NULL;
}

// Waits for a state, never for a time.
static bool await(bool (*holds)(void), int deadlineMs) {
  for (double deadlineS = seconds(CLOCK_MONOTONIC) + deadlineMs / 1e3; !holds(); usleep(waitStepMs * 1000))
    if (seconds(CLOCK_MONOTONIC) >= deadlineS) return false;
  return true;
}

// The first entry of `folder` that starts with `prefix` and of which `is` holds, or NULL.
static char *find(const char *folder, const char *prefix, bool (*is)(const char *name)) {
  static char found[8][256];
  static unsigned next;
  DIR *directory = opendir(folder);
  char *result = NULL;
  for (struct dirent *entry; directory && !result && (entry = readdir(directory));)
    if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix)) && (!is || is(entry->d_name)))
      result = strcpy(found[next++ % 8], entry->d_name);
  if (directory) closedir(directory);
  return result;
}

// Steps, in the order of boot. ----------------------------------------------------------------------------------------

static bool mount_at(const char *type, const char *target, unsigned long flags, const char *options) {
  return !mount(type, target, type, flags, options) || because("mount %s: %s", target, strerror(errno));
}

static bool kernel_file_systems(void) {
  mkdir("/dev", 0755), mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/root", 0755);
  if (!mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755")) return false;
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  if (console >= 0) dup2(console, 0), dup2(console, 1), dup2(console, 2);
  if (console > 2) close(console);
  return mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
         mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

// Loads the initrd's modules/<group>/00, 01, ...: the build numbered them in the order of their dependencies. The folder
// stays open because the initrd is out of reach once the root is entered; the files go, to free their memory.
// A refusal is no failure yet: a kernel of the user's own takes no modules of ours, and may need none.
static void load_modules(const char *group) {
  static int modules = -1;
  if (modules < 0) modules = open("/modules", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int index = 0;; index++) {
    char *file = path("%s/%02d", group, index);
    int fd = openat(modules, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (syscall(SYS_finit_module, fd, "", 0) && !refusedModule[0])
      snprintf(refusedModule, sizeof refusedModule, "; the kernel refused modules/%s: %s", file, strerror(errno));
    close(fd);
    unlinkat(modules, file, 0);
  }
}

static bool disk_is_there(void) { return !access(DISK, F_OK); }

static bool root_file_system(void) {
  load_modules("disk");
  if (!await(disk_is_there, deviceDeadlineMs)) return because("no disk at " DISK);
  // The kernel's 8 MiB fill memory with pages of Node's file that nobody ever touches.
  if (!write_text(READ_AHEAD, "256")) return false;
  return !mount(DISK, "/root", "erofs", MS_RDONLY, NULL) || because("mount " DISK ": %s", strerror(errno));
}

// The root stays read-only; what programs write goes to tmpfs.
static bool enter_root(void) {
  for (const char **name = (const char *[]){"/dev", "/proc", "/sys", NULL}; *name; name++)
    if (mount(*name, path("/root%s", *name), NULL, MS_MOVE, NULL)) return because("move %s: %s", *name, strerror(errno));
  if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
    return because("switch root: %s", strerror(errno));
  mkdir("/dev/pts", 0755), mkdir("/dev/shm", 01777);
  return mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666") &&
         mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, NULL) &&
         mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755") &&
         mount_at("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, NULL) && mount_at("tmpfs", "/root", MS_NOSUID, "mode=0700") &&
         mount_at("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

// Names the interface of the NIC at a PCI address, gives it `address/prefix`, and starts it.
static bool start_interface(const char *name, const char *nic, const char *address) {
  char *virtio = find(nic, "virtio", NULL);
  char *kernelName = virtio ? find(path("%s/%s/net", nic, virtio), "", NULL) : NULL;
  if (!kernelName) return because("no network interface at %s", nic);

  char text[64];
  snprintf(text, sizeof text, "%s", address);
  char *slash = strchr(text, '/');
  int prefix = slash ? atoi(slash + 1) : 0;
  if (slash) *slash = 0;
  struct in_addr ip, mask = {htonl(~0u << (32 - prefix))};
  if (!inet_pton(AF_INET, text, &ip) || prefix < 1 || prefix > 31) return because("%s is not address/prefix", address);

  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {0};
  struct sockaddr_in *value = (struct sockaddr_in *)&request.ifr_addr;
  strcpy(request.ifr_name, kernelName);
  strcpy(request.ifr_newname, name);
  bool done = !ioctl(fd, SIOCSIFNAME, &request);
  strcpy(request.ifr_name, name);
  *value = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = ip};
  done = done && !ioctl(fd, SIOCSIFADDR, &request);
  *value = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = mask};
  done = done && !ioctl(fd, SIOCSIFNETMASK, &request);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  done = done && !ioctl(fd, SIOCSIFFLAGS, &request);
  int error = errno;
  close(fd);
  return done || because("interface %s: %s", name, strerror(error));
}

static bool start_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  bool done = !ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  return done || because("interface lo: %s", strerror(errno));
}

// An ssh client may have an address of the pod network, so its answers must leave by control all the same: sshd's socket
// is bound to that interface (sshd_config), and this is the route it then finds.
static bool route_control(void) {
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = "control"};
  *(struct sockaddr_in *)&route.rt_dst = *(struct sockaddr_in *)&route.rt_genmask = (struct sockaddr_in){.sin_family = AF_INET};
  *(struct sockaddr_in *)&route.rt_gateway = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {inet_addr(CONTROL_GATEWAY)}};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool done = !ioctl(fd, SIOCADDRT, &route);
  int error = errno;
  close(fd);
  return done || because("route of control: %s", strerror(error));
}

static bool networks(void) {
  load_modules("network");
  if (!start_loopback() || !start_interface("control", CONTROL_NIC, CONTROL_ADDRESS) || !route_control()) return false;
  char *pod = parameter("pod");
  return !pod || start_interface("pod", POD_NIC, pod);
}

static bool keys(void) {
  mkdir("/run/cxlpod", 0755), mkdir("/run/sshd", 0755);
  load_modules("keys");
  return copy_file(KEYS "authorized_keys/raw", "/run/cxlpod/authorized_keys", 0600) &&
         copy_file(KEYS "hostkey/raw", "/run/cxlpod/hostkey", 0600);
}

static bool start_sshd(void) {
  pid_t pid = fork();
  if (pid < 0) return because("fork: %s", strerror(errno));
  if (pid > 0) return true;
  setsid();
  int log = open("/run/cxlpod/sshd.log", O_WRONLY | O_CREAT | O_APPEND, 0644), nothing = open("/dev/null", O_RDWR);
  dup2(nothing, 0), dup2(log, 1), dup2(log, 2);
  execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-e", NULL);
  _exit(127);
}

static bool sshd_listens(void) { return !access(SSHD_PID, F_OK); }

// The pool ------------------------------------------------------------------------------------------------------------

static unsigned long long serial;
static char *memory, *endpoint, *dax;

static bool has_serial(const char *name) {
  char text[64];
  return read_text(path(CXL "%s/serial", name), text, sizeof text) && strtoull(text, NULL, 0) == serial;
}
static bool leads_to_memory(const char *name) {
  char target[512];
  ssize_t count = readlink(path(CXL "%s/uport", name), target, sizeof target - 1);
  if (count < 0) return false;
  target[count] = 0;
  return !strcmp(strrchr(target, '/') + 1, memory);
}
static bool makes_ram_regions(const char *name) { return !access(path(CXL "%s/create_ram_region", name), F_OK); }
// Kept: the names that `find` returns are overwritten by its later calls, and the endpoint may take many.
static bool memory_is_there(void) {
  static char name[256];
  const char *found = find(CXL, "mem", has_serial);
  return found && (memory = strcpy(name, found));
}
// An endpoint shows before its decoders do.
static bool endpoint_is_there(void) {
  endpoint = find(CXL, "endpoint", leads_to_memory);
  return endpoint && !access(path(CXL "decoder%s.0/dpa_size", endpoint + strlen("endpoint")), F_OK);
}

static bool device(void) {
  char *text = parameter("serial");
  serial = text ? strtoull(text, NULL, 0) : 0;
  load_modules("cxl");
  if (!await(memory_is_there, deviceDeadlineMs)) return because("no CXL memory device has serial %#llx", serial);
  if (!await(endpoint_is_there, deviceDeadlineMs)) return because("%s has no endpoint: the path to it is not enabled", memory);
  return true;
}

static char *region;
static bool is_dax(const char *name) { return strchr(name, '.'); }
static bool dax_is_there(void) { return (dax = find(path(CXL "%s/dax_%s", region, region), "dax", is_dax)); }

// What `cxl create-region -t ram -m memN` does, without starting it. Volatile regions have no label: one a boot.
static bool create_region(void) {
  static char name[64], size[64], decoder[64];
  char *root = find(CXL, "decoder0.", makes_ram_regions);
  snprintf(decoder, sizeof decoder, "decoder%s.0", endpoint + strlen("endpoint"));
  if (!root) return because("no root decoder takes volatile memory");
  if (!read_text(path(CXL "%s/ram/size", memory), size, sizeof size) ||
      !write_text(path(CXL "%s/mode", decoder), "ram") || !write_text(path(CXL "%s/dpa_size", decoder), size) ||
      !read_text(path(CXL "%s/create_ram_region", root), name, sizeof name) ||
      !write_text(path(CXL "%s/create_ram_region", root), name))
    return false;
  region = name;
  return write_text(path(CXL "%s/interleave_granularity", region), "256") &&
         write_text(path(CXL "%s/interleave_ways", region), "1") && write_text(path(CXL "%s/size", region), size) &&
         write_text(path(CXL "%s/target0", region), decoder) && write_text(path(CXL "%s/commit", region), "1") &&
         write_text("/sys/bus/cxl/drivers/cxl_region/bind", region);
}

// A device whose registration is still under way is taken when it ends; one that was there before has to be bound.
static bool dax_is_bound(void) {
  return !access(path("/dev/%s", dax), F_OK) || (write_text("/sys/bus/dax/drivers/device_dax/bind", dax), false);
}

static bool device_dax(void) {
  if (!await(dax_is_there, deviceDeadlineMs)) return because("%s has no dax device", region);
  // The driver takes no device of a CXL region by itself (those are kmem's), only one it is told by name.
  if (!write_text("/sys/bus/dax/drivers/device_dax/new_id", dax)) return false;
  if (!await(dax_is_bound, deviceDeadlineMs)) return false;
  return !symlink(path("/dev/%s", dax), "/dev/cxlpod-pool") || because("symlink: %s", strerror(errno));
}

static bool history(void) {
  if (access(HISTORY, F_OK)) return true;
  return write_text(HISTORY "/enable", "1") &&
         (!symlink(HISTORY "/resource2", "/dev/cxlpod-history") || because("symlink: %s", strerror(errno)));
}

static bool sshd(void) {
  char log[256] = "it says nothing";
  if (await(sshd_listens, sshdDeadlineMs)) return true;
  read_text("/run/cxlpod/sshd.log", log, sizeof log);
  return because("not listening after %d s: %s", sshdDeadlineMs / 1000, log);
}

// ---------------------------------------------------------------------------------------------------------------------

static bool run(const char *name, bool (*act)(void)) {
  if (act()) return true;
  printf("cxlpod: failed %s: %s%s\n", name, reason, refusedModule);
  return false;
}

// Without a root or keys nobody can look in, so the machine ends; -no-reboot turns that into QEMU's exit.
static void need(bool done) {
  if (!done) fflush(stdout), sync(), reboot(RB_AUTOBOOT);
}

static void report(double rootS, double daxS) {
  struct stat listening;
  double bootedAt = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC), sshdS = 0;
  if (!stat(SSHD_PID, &listening)) sshdS = listening.st_mtim.tv_sec + listening.st_mtim.tv_nsec / 1e9 - bootedAt;
  printf("cxlpod: root %.2f s, sshd %.2f s, dax %.2f s after kernel start\n", rootS, sshdS, daxS);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  kernel_file_systems();
  if (parameter("probe")) {
    printf("cxlpod: probe ok\n");
    reboot(RB_POWER_OFF);
  }
  double rootS = seconds(CLOCK_MONOTONIC);
  char *name = parameter("name");
  if (name) sethostname(name, strlen(name));

  need(run("reservations", reservations) && run("root", root_file_system) && run("networks", networks));
  need(run("enter-root", enter_root) && run("keys", keys) && run("start-sshd", start_sshd));

  bool ready = run("device", device) && run("region", create_region) && run("device-dax", device_dax) && run("history", history);
  double daxS = seconds(CLOCK_MONOTONIC);
  ready = run("sshd", sshd) && ready;
  report(rootS, daxS);
  if (ready) printf("cxlpod: ready\n");

  // The kernel reaps the children of a process that ignores their end, adopted ones too.
  signal(SIGCHLD, SIG_IGN);
  for (;;) pause();
}
