import { api } from './api'
import { OnceKey } from './once-key'
import { refusalText } from './refusal'

export const RATINGS = [1, 2, 3, 4, 5] as const

/** What someone thinks of one reply. Each click counts, and counts once. */
export class Rating {
  value = $state<number | null>(null)
  phase = $state<'open' | 'sending' | 'counted' | 'failed'>('open')
  problem = $state('')
  /** The profile as it was before: a newer one has moved. */
  versionBefore = $state(0)

  #messageId: string
  #once = new OnceKey()

  constructor(messageId: string) {
    this.#messageId = messageId
  }

  async give(value: number, profileVersion: number): Promise<void> {
    if (this.phase === 'sending') return
    this.value = value
    this.phase = 'sending'
    this.problem = ''
    this.versionBefore = profileVersion
    try {
      await api.rate(this.#messageId, value, this.#once.for(String(value)))
      this.#once.done()
      this.phase = 'counted'
    } catch (error) {
      this.problem = refusalText('rating', error)
      this.phase = 'failed'
    }
  }
}
