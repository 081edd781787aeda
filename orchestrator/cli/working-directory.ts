/**
 * A shell may stand in a folder that somebody has deleted. Node then fails wherever a library asks for the folder, even
 * for --help. Must be imported before every library.
 */
try {
  process.cwd();
} catch {
  process.chdir('/');
  process.stderr.write('The current folder no longer exists. Relative paths start at / now.\n');
}
