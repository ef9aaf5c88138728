// How long to wait before trying again. Chance keeps many windows from coming back at the same moment.

const RETRY_MIN_MS = 200
const RETRY_MAX_MS = 3_000
const RESTART_MAX_MS = 30_000

/** At once, then 0.4 s doubling to 3 s or what is named, with up to half of it left to chance. */
export function retryDelayMs(attempt: number, random: () => number, maxMs = RETRY_MAX_MS): number {
  if (attempt === 0) return 0
  const full = Math.min(maxMs, RETRY_MIN_MS * 2 ** attempt)
  return Math.round(full * (0.5 + random() / 2))
}

/** What a server that restarts asked for, within reason, and up to half as much again. */
export function restartDelayMs(asked: unknown, random: () => number): number {
  const usable = typeof asked === 'number' && Number.isFinite(asked)
  const delayMs = usable ? Math.min(Math.max(asked, 0), RESTART_MAX_MS) : RETRY_MIN_MS
  return Math.round(delayMs * (1 + random() / 2))
}
