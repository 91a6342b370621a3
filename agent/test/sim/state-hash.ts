/** A running hash of numbers, in two lanes that make 53 bits together: of a million states two are taken for one once in 20,000 searches. */
export class StateHash {
  low = 0;
  high = 0;

  clear(): void {
    this.low = 0;
    this.high = 0;
  }

  add(value: number): void {
    this.low = Math.imul(this.low ^ value, 0x9e3779b1);
    this.low = Math.imul(this.low ^ (this.low >>> 15), 0x85ebca6b);
    this.low ^= this.low >>> 13;
    this.high = Math.imul(this.high ^ value ^ 0x7f4a7c15, 0xc2b2ae35);
    this.high = Math.imul(this.high ^ (this.high >>> 16), 0x27d4eb2f);
    this.high ^= this.high >>> 14;
  }

  /** As a number that a set keeps exactly. */
  value(): number {
    return (this.high & 0x1fffff) * 2 ** 32 + (this.low >>> 0);
  }
}
