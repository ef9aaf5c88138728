import { api, ApiError, onSignedOut } from './api'
import { connection } from './connection.svelte'
import { learning } from './learning.svelte'
import { panels } from './panels.svelte'
import { navigate, router } from './router.svelte'
import type { User } from './types'

// Who is signed in. The cookies that prove it are out of reach of scripts: the server is asked once,
// and tells by a 401 or by closing the socket when it is over.

let user = $state.raw<User | null>(null)
let notice = $state('')
let problem = $state('')

export const session = {
  get user() {
    return user
  },
  /** What to tell on the sign-in page. */
  get notice() {
    return notice
  },
  /** Why it could not be found out who is signed in. */
  get problem() {
    return problem
  },
}

function begin(who: User): void {
  user = who
  notice = ''
  problem = ''
  connection.start()
  learning.follow(who.id)
}

function forget(): void {
  user = null
  connection.stop()
  learning.leave()
  panels.closeProfile()
}

function end(why: string): void {
  forget()
  notice = why
  const { name } = router.route
  if (name === 'sign-in' || name === 'sign-up') return
  const here = router.path + router.search
  navigate(here === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(here)}`, { replace: true })
}

export async function resumeSession(): Promise<void> {
  if (user !== null) return
  problem = ''
  try {
    begin((await api.me()).user)
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) end('')
    else problem = error instanceof Error ? error.message : String(error)
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const answer = await api.login(email, password)
  begin(answer.user ?? (await api.me()).user)
}

export async function signUp(email: string, handle: string, password: string): Promise<void> {
  await api.register({ email, handle, password })
  await signIn(email, password)
}

export async function signOut(): Promise<void> {
  try {
    await api.logout()
  } catch (error) {
    // Already over is what was wanted; anything else has to be said, as the session lives on.
    if (!(error instanceof ApiError && error.status === 401)) throw error
  }
  forget()
  notice = 'You are signed out.'
  navigate('/sign-in')
}

const OVER = 'Your session has ended. Sign in to go on where you were.'

onSignedOut(() => end(user === null ? '' : OVER))
connection.onEnded(() => end(OVER))
