/** The part of WebAssembly that the migration engine needs; lib "dom" would bring far more. */
declare namespace WebAssembly {
  class Module {
    private constructor();
    static imports(module: Module): { module: string; name: string }[];
  }
  class Instance {
    private constructor();
    readonly exports: Record<string, unknown>;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(
    module: Module,
    imports: Record<string, Record<string, unknown>>,
  ): Promise<Instance>;
}
