import type { ShellEffect } from '@scrim/model';

/** What is known of a program from its name alone. */
export interface Program {
  readonly effects: readonly ShellEffect[];
  /** An argument like this makes it write although it otherwise reads. */
  readonly writesWith?: RegExp;
}

const READ: readonly ShellEffect[] = ['read'];
const WRITE: readonly ShellEffect[] = ['write'];
const NETWORK: readonly ShellEffect[] = ['read', 'network'];
const FETCH: readonly ShellEffect[] = ['write', 'network'];

const reading = `
  : [ ack ag alias apropos arch b2sum base32 base64 basename bg break bzcat bzgrep cal cat cd chcpu cksum clear cmp
  column comm continue cut declare df diff diff3 dir dirname dirs disown du echo egrep exit expand export expr
  factor false fg fgrep file findmnt fmt fold free getconf getent getfacl getopt getopts grep groups head
  hexdump iconv id iostat join jobs jq last lastb lastlog less let local locale locate logname logout ls lsattr
  lsblk lscpu lsmod lsof lspci lsusb lzcat man md5sum more mpstat namei netstat nl nm nproc numfmt objdump od paste
  pathchk pgrep pidof pidstat pinky popd pr printenv printf ps pstree ptx pushd pwd read readarray
  readelf readlink readonly reset realpath return rev rg rgrep sar seq set sha1sum sha224sum sha256sum sha384sum
  sha512sum shift shopt size sleep slabtop stat strings stty sum suspend tac tail test times top htop
  tput tr true tsort tty type typeset ulimit umask unalias uname unexpand unset uptime users vdir vmstat w wait wc
  whatis whereis which who whoami xzcat xzgrep yes zcat zdiff zgrep zless zmore zstdcat hash help history mapfile`;

const writing = `
  addgroup adduser ar bunzip2 bzip2 chage chattr chgrp chmod chown chpasswd chsh compress cp csplit
  dd delgroup deluser depmod e2fsck fallocate fdisk fsck fstrim gpasswd groupadd groupdel groupmod gunzip gzip halt
  hostnamectl hwclock init insmod install ip6tables iptables kexec kill killall killall5 ldconfig link ln
  localectl logger logrotate losetup lvcreate lvremove lvextend lz4 lzma mesg mkdir mkfifo mkfs mkfs.ext4 mkfs.xfs
  mknod mkswap mktemp modprobe mount mv nft parted passwd patch pkill poweroff pvcreate pvremove pwconv
  reboot renice resize2fs rm rmdir rmmod runlevel service setcap setfacl setfattr sgdisk shred shutdown split
  srm swapoff swapon sync tee telinit timedatectl touch truncate tune2fs ufw umount unlink unlzma unxz
  unzip update-alternatives update-rc.d useradd userdel usermod vgcreate vgremove wall wipe wipefs write xz
  zip zstd unzstd`;

const network = `dig drill finger host mtr nslookup ping ping6 tracepath traceroute whois`;

const fetching = `
  apk apt apt-get aria2c axel brew curl dnf nc ncat netcat nmap opkg pacman rcp rlogin rsync
  scp sendmail sftp tftp wget yum zypper`;

/** Programs that write only when asked to. */
const asked: Readonly<Record<string, RegExp>> = {
  date: /^(?:-[a-z]*s|--set|\d)/,
  dmesg: /^(?:-[A-Za-z]*[cCDEn]|--(?:clear|read-clear|console))/,
  hostname: /^[^-]|^-[A-Za-z]*[bF]|^--(?:boot|file)/,
  domainname: /^[^-]/,
  ifconfig: /^(?:up|down|add|del|hw|mtu|netmask|[\d.:]+)/,
  journalctl: /^--(?:rotate|vacuum|flush|relinquish|sync|setup|update)/,
  route: /^(?:add|del|flush)/,
  sdiff: /^(?:-[a-z]*o|--output)/,
  sort: /^(?:-[A-Za-z]*o|--o)/,
  ss: /^(?:-[A-Za-z]*K|--kill)/,
  sysctl: /=|^-[a-z]*[wpf]|^--(?:write|load|system)/,
  tree: /^(?:-[A-Za-z]*o)/,
  uniq: /^[^-]/,
  xxd: /^-[a-z]*r/,
  yq: /^(?:-[a-z]*i|--in)/,
  arp: /^-[a-z]*[dsf]/,
  blkid: /^-[a-z]*[gc]/,
  openssl: /^-(?:out|CAcreateserial|rand|writerand|engine|provider)/,
};

function table(): ReadonlyMap<string, Program> {
  const all = new Map<string, Program>();
  const list = (names: string, program: Program): void => {
    for (const name of names.split(/\s+/)) if (name !== '') all.set(name, program);
  };
  list(reading, { effects: READ });
  list(writing, { effects: WRITE });
  list(network, { effects: NETWORK });
  list(fetching, { effects: FETCH });
  for (const [name, writesWith] of Object.entries(asked)) all.set(name, { effects: READ, writesWith });
  return all;
}

/** Programs whose effects their name tells. All other programs have the effect `unknown`. */
export const PROGRAMS: ReadonlyMap<string, Program> = table();

const code = 'runs code that is not shell text';
const unseen = 'runs commands that do not stand in the line';

function reasons(why: string, names: string): [string, string][] {
  return names
    .split(/\s+/)
    .filter((name) => name !== '')
    .map((name) => [name, why]);
}

/** Programs that run what nobody can read from their arguments, and why. */
export const OPAQUE: ReadonlyMap<string, string> = new Map([
  ...reasons(
    code,
    `bun deno expect elixir erl expect ghci groovy guile irb java jjs julia jshell lua luajit m4 node nodejs ocaml
     octave osascript perl php pwsh powershell pypy pypy3 python python2 python3 R Rscript racket rhino ruby scala sbcl
     tclsh wish gcc cc g++ clang tcc go cscript wscript jrunscript gnuplot dc gdb lldb ltrace strace perf
     valgrind bpftrace systemtap stap`,
  ),
  ...reasons(
    unseen,
    `ftp lftp telnet mail mailx mutt newgrp sg at batch anacron cron crond tmux screen byobu zellij mosh autossh dtach abduco systemd-run start-stop-daemon
     run-parts entr incrond reptyr socat rsh rexec ansible ansible-playbook salt pdsh pssh
     dsh clush puppet chef-client fish csh tcsh elvish nu xonsh cmd cmd.exe wsl enable bind complete compgen fc
     zmodload zcompile autoload sched emulate functions unlimit`,
  ),
]);

/**
 * Programs that take over the terminal. `always` = runs commands whatever it is given (its own command language, its
 * options); `terminal` = only when somebody can type into it; `never` = shows and is steered, but runs nothing.
 */
export const SCREENS: ReadonlyMap<string, 'always' | 'terminal' | 'never'> = new Map([
  ...screens(
    'always',
    `vi vim nvim view vimdiff rvim gvim ex ed red emacs emacsclient nano pico joe micro helix hx kak mcedit mc ranger
     nnn lf vifm lynx w3m links elinks mutt irssi weechat visudo vipw vigr sudoedit lazygit tig k9s`,
  ),
  ...screens('terminal', 'less more most man info pg zless zmore'),
  ...screens('never', 'top htop btop atop nmtui dialog whiptail iotop iftop nethogs slabtop alsamixer'),
]);

function screens<Kind extends string>(kind: Kind, names: string): [string, Kind][] {
  return names.split(/\s+/).map((name) => [name, kind]);
}

/** Programs that raise their rights. */
export const PRIVILEGED: ReadonlySet<string> = new Set(
  'sudo sudoedit su doas pkexec run0 runuser gosu su-exec setuidgid chpst setpriv capsh chroot nsenter unshare machinectl'.split(
    ' ',
  ),
);

/** Where a program found there is the one its bare name means. */
export const SYSTEM_FOLDERS: ReadonlySet<string> = new Set(
  '/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin'.split(' '),
);
