/**
 * oidc-provider greets Node 20, which is supported and tested here, with a warning whenever it
 * is loaded, in front of every start and every command. That one line is left out; imported
 * before anything that imports the library.
 */
const { warn } = console;

console.warn = (...args: unknown[]) => {
  if (!String(args[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...args);
};
