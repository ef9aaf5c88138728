import { ApiError } from './api'
import { askMentor } from './chat'
import { record } from './interactions'
import type { MentorReply as Reply, Question } from './api-types'
import { Offer } from './offer.svelte'
import { OnceKey } from './once-key'
import { Rating } from './rating.svelte'
import { refusalText } from './refusal'
import { isKnown, type TaskBoard } from './task-action'

const EXCHANGES_MAX = 100
const ANSWER_WITHIN_MS = 120_000

/** One question and what came of it. */
export class Exchange {
  readonly message: string
  phase = $state<'asking' | 'answered' | 'failed'>('asking')
  /** As much of the reply as has come. */
  text = $state('')
  problem = $state('')
  reply = $state.raw<Reply | null>(null)
  rating = $state.raw<Rating | null>(null)
  offers = $state.raw<Offer[]>([])

  constructor(message: string) {
    this.message = message
  }

  begin(): void {
    this.phase = 'asking'
    this.text = ''
    this.problem = ''
  }

  answered(reply: Reply, board: TaskBoard): void {
    this.text = reply.reply
    this.reply = reply
    this.rating = new Rating(reply.message_id)
    this.offers = reply.suggestions.filter(isKnown).map((suggestion) => new Offer(reply.message_id, suggestion, board))
    this.phase = 'answered'
  }

  failed(problem: string): void {
    this.problem = problem
    this.phase = 'failed'
  }
}

/** A talk with the mentor about one project, one question at a time. */
export class Conversation {
  exchanges = $state.raw<Exchange[]>([])
  /** What is typed and not asked yet; it outlives the panel being closed. */
  draft = $state('')

  #board: TaskBoard
  #id: string | null = null
  #once = new OnceKey()
  #asking: AbortController | null = null

  constructor(board: TaskBoard) {
    this.#board = board
  }

  get busy(): boolean {
    return this.exchanges.at(-1)?.phase === 'asking'
  }

  async ask(text: string): Promise<void> {
    const message = text.trim()
    if (message === '' || this.busy) return
    if (this.draft.trim() === message) this.draft = ''
    // A question that was never answered is no part of the talk once another one is asked.
    const answered = this.exchanges.filter((exchange) => exchange.phase === 'answered')
    const previous = answered.at(-1)?.reply
    if (previous) record(previous.message_id, 'followed_up')
    const exchange = new Exchange(message)
    this.exchanges = [...answered, exchange].slice(-EXCHANGES_MAX)
    await this.#send(exchange)
  }

  /** The same question again; the server recognises it by its key. */
  async retry(): Promise<void> {
    const exchange = this.exchanges.at(-1)
    if (exchange?.phase === 'failed') await this.#send(exchange)
  }

  restart(): void {
    this.close()
    this.exchanges = []
    this.#id = null
    this.#once.done()
  }

  close(): void {
    this.#asking?.abort()
    this.#asking = null
  }

  async #send(exchange: Exchange): Promise<void> {
    exchange.begin()
    const question: Question = { project_id: this.#board.projectId, message: exchange.message }
    if (this.#id !== null) question.conversation_id = this.#id
    const asking = new AbortController()
    this.#asking = asking
    const late = new ApiError({ title: 'The mentor took too long to answer', status: 0, code: 'network' })
    const timer = setTimeout(() => asking.abort(late), ANSWER_WITHIN_MS)
    try {
      const key = this.#once.for(JSON.stringify(question))
      const reply = await askMentor(question, key, (text) => (exchange.text += text), asking.signal)
      if (this.#asking !== asking) return
      this.#once.done()
      this.#id = reply.conversation_id
      exchange.answered(reply, this.#board)
    } catch (error) {
      if (this.#asking === asking) this.#failed(exchange, error)
    } finally {
      clearTimeout(timer)
    }
  }

  #failed(exchange: Exchange, error: unknown): void {
    // A conversation that is not kept any more cannot be continued; the next try begins another.
    if (error instanceof ApiError && error.status === 404) this.#id = null
    exchange.failed(refusalText('question', error))
  }
}
