/** Kills a simulated process at one of its effects: right before the one of this number, or right after it. */
export interface KillGate {
  /** Nothing is counted, and nothing killed, unless it is armed. */
  armed: boolean;
  effects: number;
  pass<T>(effect: () => Promise<T>): Promise<T>;
}

export function createKillGate(place: number, when: 'before' | 'after'): KillGate {
  let isDead = false;
  return {
    armed: false,
    effects: 0,
    async pass(effect) {
      if (!this.armed) return effect();
      const isHere = this.effects++ === place;
      if (isDead || (isHere && when === 'before')) {
        isDead = true;
        throw new Error('killed');
      }
      const done = await effect();
      if (isHere) isDead = true;
      if (isDead) throw new Error('killed');
      return done;
    },
  };
}

/** `count` effects, each with the instant before and after it. */
export const killPlaces = (count: number) =>
  Array.from({ length: 2 * count }, (_, n) => [Math.floor(n / 2), n % 2 === 0 ? 'before' : 'after'] as const);
