@external("simulator", "mutant")
declare function mutantNumber(): i32;

export function mutant(number: i32): bool {
  return mutantNumber() == number;
}
