import type {
  Comment, Health, LearningProfile as Profile, PageOfTask, Project, ProjectSummary as Summary, Receipt as Recorded,
  Suggestion, Task, WrongField as FieldError,
} from './api-types'
import type { Problem } from './problem'
import type { Placement } from './columns'

/** A page of a list, whatever is on it. */
export type Page<T> = Omit<PageOfTask, 'items'> & { items: T[] }

/** What can be done with a reply, as this app reports it. */
export type InteractionKind = 'copied' | 'followed_up' | 'accepted' | 'dismissed'

/** A refusal of the server, or its silence: then the status is 0 and the code `network`. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly fields: FieldError[]
  /** How long the server asks to wait before the next try. */
  readonly retryAfterSeconds: number | null

  constructor(problem: Problem, retryAfterSeconds: number | null = null) {
    super(problem.detail || problem.title)
    this.name = 'ApiError'
    this.status = problem.status
    this.code = problem.code
    this.fields = problem.errors ?? []
    this.retryAfterSeconds = retryAfterSeconds
  }

  /** Whether the same request may well succeed a little later. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }

  field(name: string): string | undefined {
    return this.fields.find((error) => error.field === name)?.message
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface Options {
  method?: string
  body?: unknown
  /** The version the change is based on; the server refuses it when there is a newer one. */
  version?: number
  /** Lets the server recognise a repetition of the same wish. */
  idempotencyKey?: string
  signal?: AbortSignal
  /** Sent as it is, whatever becomes of the tokens: for who need not be signed in, and where that is seen to. */
  once?: boolean
}

/** Keeps who is signed in signed in, while the tokens that prove it come and go. */
export interface Tokens {
  /** Nothing, or a promise of new tokens where those of now are known to be over. */
  ready(): Promise<void> | null
  /** Waits for tokens newer than that moment. */
  renew(since: number): Promise<void>
  /** New tokens are refused as well. */
  giveUp(code: string): void
}

let tokens: Tokens | null = null

export function useTokens(keeper: Tokens): void {
  tokens = keeper
}

/** As of `Tokens`, for what is not sent from here. */
export const tokensReady = () => tokens?.ready() ?? null

/** Does it as who is signed in. Tokens that ended are renewed once, and nobody notices. */
export async function withTokens<T>(action: () => Promise<T>): Promise<T> {
  const renewing = tokensReady()
  if (renewing) await renewing
  const sentAt = Date.now()
  try {
    return await action()
  } catch (error) {
    if (tokens === null || !isSignedOut(error)) throw error
    await tokens.renew(sentAt)
  }
  try {
    return await action()
  } catch (error) {
    if (isSignedOut(error)) tokens.giveUp(error.code)
    throw error
  }
}

export const send = (path: string, init: RequestInit) => withTokens(() => request(path, init))

const isSignedOut = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.code === 'unauthenticated' || error.code === 'session_ended')

async function request(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError({ title: 'The server cannot be reached right now', status: 0, code: 'network' })
  }
  if (response.ok) return response
  throw new ApiError(await readProblem(response), retryAfterSeconds(response))
}

function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get('retry-after')
  return text !== null && /^\d+$/.test(text) ? Number(text) : null
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback = { title: `The server answered ${response.status}`, status: response.status, code: 'internal' }
  if (!response.headers.get('content-type')?.includes('json')) return fallback
  const body: unknown = await response.json().catch(() => null)
  return typeof body === 'object' && body !== null ? { ...fallback, ...body } : fallback
}

export async function call<T>(path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' }
  const init: RequestInit = { method: options.method ?? 'GET', headers }
  if (options.body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify(options.body)
  }
  if (options.version !== undefined) headers['if-match'] = `"${options.version}"`
  if (options.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey
  if (options.signal) init.signal = options.signal
  const response = await (options.once ? request : send)(path, init)
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}

export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) search.set(name, String(value))
  }
  return `?${search}`
}

export interface TaskChange extends Placement {
  title?: string
  description?: string
  labels?: string[]
  due_on?: string | null
}

export const api = {
  health: () => call<Health>('/api/health', { once: true }),

  projects: (cursor?: string | null) => call<Page<Project>>(`/api/projects${query({ limit: 50, cursor })}`),
  project: (id: string) => call<Project>(`/api/projects/${id}`),
  createProject: (body: { key: string; name: string; description: string }) =>
    call<Project>('/api/projects', { method: 'POST', body }),
  changeProject: (id: string, body: Partial<Pick<Project, 'name' | 'description' | 'status'>>) =>
    call<Project>(`/api/projects/${id}`, { method: 'PATCH', body }),
  deleteProject: (id: string) => call<void>(`/api/projects/${id}`, { method: 'DELETE' }),

  tasks: (projectId: string, cursor: string | null, signal?: AbortSignal) =>
    call<Page<Task>>(`/api/projects/${projectId}/tasks${query({ limit: 200, cursor })}`, signal ? { signal } : {}),
  task: (id: string) => call<Task>(`/api/tasks/${id}`),
  createTask: (projectId: string, body: TaskChange, idempotencyKey: string) =>
    call<Task>(`/api/projects/${projectId}/tasks`, { method: 'POST', body, idempotencyKey }),
  changeTask: (id: string, body: TaskChange, version?: number) =>
    call<Task>(`/api/tasks/${id}`, { method: 'PATCH', body, ...(version === undefined ? {} : { version }) }),
  deleteTask: (id: string, version?: number) =>
    call<void>(`/api/tasks/${id}`, { method: 'DELETE', ...(version === undefined ? {} : { version }) }),

  comments: (taskId: string, cursor?: string | null) =>
    call<Page<Comment>>(`/api/tasks/${taskId}/comments${query({ limit: 100, cursor })}`),
  createComment: (taskId: string, body: string, idempotencyKey: string) =>
    call<Comment>(`/api/tasks/${taskId}/comments`, { method: 'POST', body: { body }, idempotencyKey }),
  changeComment: (id: string, body: string, version: number) =>
    call<Comment>(`/api/comments/${id}`, { method: 'PATCH', body: { body }, version }),
  deleteComment: (id: string) => call<void>(`/api/comments/${id}`, { method: 'DELETE' }),

  summary: (projectId: string) => call<Summary>(`/api/projects/${projectId}/summary`),
  profile: () => call<Profile>('/api/learning/profile'),
  rate: (messageId: string, rating: number, idempotencyKey: string) =>
    call<Recorded>('/api/feedback', {
      method: 'POST',
      body: { target_type: 'mentor_reply', target_id: messageId, rating },
      idempotencyKey,
    }),
  interact: (messageId: string, kind: InteractionKind, suggestion?: Suggestion) =>
    call<Recorded>('/api/interactions', {
      method: 'POST',
      body: { message_id: messageId, kind, ...(suggestion ? { suggestion } : {}) },
    }),
}
