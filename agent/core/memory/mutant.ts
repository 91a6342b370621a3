// In the traced build `mutant(n)` asks the simulator whether the n-th deliberate mistake is switched on; here it is never, and
// the compiler removes what hangs on it. The list of mistakes is in agent/test/sim/mutants.ts.

export function mutant(number: i32): bool {
  return false;
}
