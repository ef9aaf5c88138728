import { account } from './account-api'
import type { SecurityEvent } from './api-types'
import { errorText } from './api'
import { startOfDay } from './dates'

/** What is looked for; empty is anything. Days are days here, and the last one counts. */
export interface HistoryFilter {
  kind: string
  from: string
  to: string
}

/** What happened to the account, newest first, page by page. */
export class EventHistory {
  #events = $state.raw<SecurityEvent[]>([])
  #phase = $state<'reading' | 'ready' | 'failed'>('reading')
  #problem = $state('')
  #cursor = $state.raw<string | null>(null)
  #filter: HistoryFilter = { kind: '', from: '', to: '' }
  /** Answers may overtake each other; only the last question counts. */
  #asked = 0
  #retry: () => Promise<void> = async () => {}

  get events(): SecurityEvent[] {
    return this.#events
  }
  get phase(): 'reading' | 'ready' | 'failed' {
    return this.#phase
  }
  get problem(): string {
    return this.#problem
  }
  get hasMore(): boolean {
    return this.#cursor !== null
  }

  /** From the newest on. What was there stays until the answer is. */
  async open(filter: HistoryFilter): Promise<void> {
    this.#filter = filter
    await this.#read(null)
  }

  async more(): Promise<void> {
    if (this.#cursor !== null) await this.#read(this.#cursor)
  }

  again = (): Promise<void> => this.#retry()

  async #read(cursor: string | null): Promise<void> {
    const asked = ++this.#asked
    this.#retry = () => this.#read(cursor)
    this.#phase = 'reading'
    this.#problem = ''
    const { kind, from, to } = this.#filter
    const filter = { type: kind || null, from: startOfDay(from), to: startOfDay(to, 1) }
    try {
      const page = await account.events(filter, cursor)
      if (asked !== this.#asked) return
      const known = new Set(cursor === null ? [] : this.#events.map((event) => event.id))
      const kept = cursor === null ? [] : this.#events
      this.#events = [...kept, ...page.items.filter((event) => !known.has(event.id))]
      this.#cursor = page.next_cursor
      this.#phase = 'ready'
    } catch (error) {
      if (asked !== this.#asked) return
      this.#problem = errorText(error)
      this.#phase = 'failed'
    }
  }
}
