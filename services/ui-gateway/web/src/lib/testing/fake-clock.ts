/** Time that passes only when told to. */
export class FakeClock {
  now = 0
  #timers: { at: number; action: () => void }[] = []

  after = (delayMs: number, action: () => void) => {
    const timer = { at: this.now + delayMs, action }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  pass(ms: number) {
    const end = this.now + ms
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.now = next.at
      next.action()
    }
    this.now = end
  }
}
