import type { Text } from './word.ts';

/** What reading a line offers to those who judge a variable. */
interface Judge {
  unclear(why: string): void;
  script(text: Text, what: string): void;
}

/** Variables whose value other programs run as a command line. */
const COMMANDS = new Set(
  `BROWSER EDITOR FCEDIT GIT_EDITOR GIT_PAGER GIT_SEQUENCE_EDITOR GIT_SSH_COMMAND GIT_SSH GIT_ASKPASS SSH_ASKPASS
   SUDO_ASKPASS SUDO_EDITOR MANPAGER PAGER PSQL_EDITOR PSQL_PAGER RSYNC_RSH SYSTEMD_EDITOR SYSTEMD_PAGER VISUAL
   GIT_EXTERNAL_DIFF KUBE_EDITOR LESSEDIT TAR_OPTIONS_RSH CVS_RSH`.split(/\s+/),
);

/** Variables that make a shell or a program run or load something else than its name says. */
const TELLING =
  /^(?:BASH_ENV|ENV|IFS|SHELL|ZDOTDIR|HOME|XDG_CONFIG_HOME|PS[0-4]|PROMPT_COMMAND|PROMPT|precmd_functions|SHELLOPTS|BASHOPTS|BASH_FUNC_.*|BASH_ALIASES|BASH_CMDS|BASH_XTRACEFD|LD_.*|DYLD_.*|GCONV_PATH|LESSOPEN|LESSCLOSE|LESS|GIT_(?:CONFIG.*|DIR|EXEC_PATH|PROXY_COMMAND|TEMPLATE_DIR|WORK_TREE)|PERL5?(?:OPT|LIB|DB)|PYTHON(?:STARTUP|PATH|HOME|INSPECT|BREAKPOINT|WARNINGS)|RUBY(?:OPT|LIB)|NODE_(?:OPTIONS|PATH)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|MAKEFLAGS|TAR_OPTIONS|RSYNC_.*|MANOPT|MAN_.*|TERMINFO.*|TERMCAP|SUDO_.*|DOCKER_HOST|DOCKER_CONFIG|KUBECONFIG|EXINIT|VIMINIT|INPUTRC|HISTFILE|TMPDIR_EXEC|fpath|FPATH|CDPATH|HISTCMD|aliases|commands|functions|path)$/;

const SYSTEM_PATH =
  /^(?:(?:\/usr(?:\/local)?)?\/s?bin|\/snap\/bin|\/opt\/homebrew\/s?bin|\$\{?PATH\}?)(?::(?:(?:\/usr(?:\/local)?)?\/s?bin|\/snap\/bin|\/opt\/homebrew\/s?bin))*$/;

/** Judges a variable that a line sets: most mean nothing, some decide what other words of the line run. */
export function judgeVariable(name: string, value: Text, judge: Judge): void {
  if (name === 'PATH') {
    if (value === null || !SYSTEM_PATH.test(value))
      judge.unclear('PATH decides which programs the names mean');
  } else if (COMMANDS.has(name)) {
    if (value !== '') judge.script(value, `the command in ${name}`);
  } else if (TELLING.test(name)) judge.unclear(`${name} decides what other commands run`);
}
