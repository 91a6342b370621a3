/** The heap as a plain graph: who holds what, counted by walking. What the real one must agree with after every command. */

export interface ModelObject {
  readonly offset: number;
  /** What its embedded references refer to. */
  readonly references: (ModelObject | undefined)[];
}

export interface ModelQueue {
  readonly index: number;
  readonly sender: number;
  readonly receiver: number;
  readonly sent: ModelObject[];
  readonly unsent: ModelObject[];
  senderClosed: boolean;
  receiverClosed: boolean;
}

export class Model {
  /** By client: what its roots hold, by the root's offset. */
  readonly roots: Map<number, ModelObject>[];
  readonly names = new Map<string, ModelObject>();
  queues: ModelQueue[] = [];

  constructor(clients: number) {
    this.roots = Array.from({ length: clients }, () => new Map());
  }

  /** A copy that shares nothing: what may have happened instead. */
  clone(): Model {
    const copies = new Map<ModelObject, ModelObject>();
    const copyOf = (object: ModelObject): ModelObject => {
      const known = copies.get(object);
      if (known !== undefined) return known;
      const copy: ModelObject = { offset: object.offset, references: [] };
      copies.set(object, copy);
      for (const child of object.references) copy.references.push(child && copyOf(child));
      return copy;
    };
    const model = new Model(this.roots.length);
    for (const [client, roots] of this.roots.entries()) {
      for (const [root, object] of roots) model.roots[client]!.set(root, copyOf(object));
    }
    for (const [name, object] of this.names) model.names.set(name, copyOf(object));
    model.queues = this.queues.map((queue) => ({ ...queue, sent: queue.sent.map(copyOf), unsent: queue.unsent.map(copyOf) }));
    return model;
  }

  /** Every object that something leads to, with the number of its references. */
  counts(): ReadonlyMap<ModelObject, number> {
    const counts = new Map<ModelObject, number>();
    const refer = (object: ModelObject | undefined): void => {
      if (object === undefined) return;
      const before = counts.get(object) ?? 0;
      counts.set(object, before + 1);
      if (before === 0) object.references.forEach(refer);
    };
    for (const roots of this.roots) for (const object of roots.values()) refer(object);
    for (const object of this.names.values()) refer(object);
    for (const { sent, unsent } of this.queues) [...sent, ...unsent].forEach(refer);
    return counts;
  }

  /** Whether something leads from one to the other: an attach the other way round would make a cycle, which nobody collects. */
  leadsTo(from: ModelObject, to: ModelObject): boolean {
    return from === to || from.references.some((child) => child !== undefined && this.leadsTo(child, to));
  }

  closeQueue(queue: ModelQueue, client: number): void {
    if (queue.sender === client) {
      queue.senderClosed = true;
      queue.unsent.length = 0;
    }
    if (queue.receiver === client) queue.receiverClosed = true;
    if (queue.senderClosed && queue.receiverClosed) this.queues = this.queues.filter((each) => each !== queue);
  }

  /** It left, or it died and is recovered. */
  end(client: number): void {
    this.roots[client]!.clear();
    for (const queue of [...this.queues]) {
      if (queue.sender === client || queue.receiver === client) this.closeQueue(queue, client);
    }
  }
}
