// The engine as a plugin's functions find it: in WebAssembly the real one, in a native test a `Host` of mock.js.

let installed = null;

// Puts an engine in place, or takes it away, and answers the one before it.
export function install(engine) {
  const before = installed;
  installed = engine;
  return before;
}

// The engine of this call.
export function current() {
  if (installed === null) {
    throw new Error("the engine is there during a call only; in a test call within `Host.run`");
  }
  return installed;
}
