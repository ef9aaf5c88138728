import { account } from './account-api'
import type { SecondFactorRequired as Challenge, SignedIn, User } from './api-types'
import { ApiError, errorText, useTokens, withTokens } from './api'
import { connection } from './connection.svelte'
import { learning } from './learning.svelte'
import { panels } from './panels.svelte'
import { isOver, Renewal } from './renewal'
import { isPublic, returnPath } from './router'
import { navigate, router } from './router.svelte'
import { endText } from './session-ends'
import { alone, hear, lease, tell, type Message } from './windows'

// Who is signed in. The cookies that prove it are out of reach of scripts: the server is asked once,
// renews them, and tells by a 401 or by closing the socket when it is over.

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

const renewal = new Renewal<SignedIn>({
  refresh: account.refresh,
  alone,
  lease,
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
  now: Date.now,
  random: Math.random,
  onRenewed(answer) {
    const renewed = lease.read()
    if (renewed) tell({ type: 'renewed', lease: renewed })
    if (user !== null) changed(answer.user)
  },
  onOver: (code, known) => finish(known || user !== null ? endText(code) : notice),
})

useTokens(renewal)
hear(receive)

function begin(who: User): void {
  user = who
  notice = ''
  problem = ''
  renewal.start()
  connection.start()
  learning.follow(who.id)
}

function forget(): void {
  user = null
  renewal.stop()
  connection.stop()
  learning.leave()
  panels.closeProfile()
}

function end(why: string): void {
  forget()
  notice = why
  if (isPublic(router.route)) return
  const here = router.path + router.search
  navigate(here === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(here)}`, { replace: true })
}

/** Ends it in all windows. */
function finish(why: string): void {
  if (user !== null) tell({ type: 'ended', notice: why })
  end(why)
}

/** The server says something newer about who is signed in. */
export function changed(who: User): void {
  if (user?.id === who.id) user = who
  else switchTo(who)
}

/** Asks the server who is signed in, as it knows it now. */
export async function reread(): Promise<User> {
  const { user: who } = await account.me()
  changed(who)
  return who
}

function switchTo(who: User): void {
  forget()
  begin(who)
}

function receive(message: Message): void {
  if (message.type === 'renewed') renewal.check()
  else if (message.type === 'ended' && user !== null) end(message.notice)
  else if (message.type === 'began' && user?.id !== message.userId) follow()
}

/** Somebody signed in in another window: this one has their cookies, too. */
function follow(): void {
  forget()
  const { name } = router.route
  if (name === 'sign-in' || name === 'sign-up') navigate(returnPath(router.search), { replace: true })
  if (!isPublic(router.route)) void resumeSession()
}

let resuming: Promise<void> | null = null

export async function resumeSession(): Promise<void> {
  if (user !== null) return
  resuming ??= resume().finally(() => (resuming = null))
  await resuming
}

async function resume(): Promise<void> {
  problem = ''
  try {
    begin((await account.me()).user)
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) end(notice)
    else problem = errorText(error)
  }
}

/** Signs in, or answers with the challenge of the second step. */
export async function signIn(email: string, password: string): Promise<Challenge | null> {
  const answer = await enter(() => account.login(email, password))
  return 'challenge' in answer ? answer : null
}

/** Signed in; or only made, as signing in failed; or a mail says how it goes on. */
export async function signUp(email: string, handle: string, password: string): Promise<'in' | 'made' | 'mailed'> {
  const { user: made } = await account.register({ email, handle, password })
  if (!made) return 'mailed'
  try {
    await signIn(email, password)
    return 'in'
  } catch {
    // Whatever it was: the account is there, and registering it again would be refused.
    notice = 'Your account is made. Sign in to begin.'
    return 'made'
  }
}

export async function signInWithCode(challenge: string, code: string): Promise<void> {
  await enter(() => account.secondFactor(challenge, code))
}

// Not while another window renews: what it is told about the sign-in before would undo the cookies of this one.
async function enter<T extends SignedIn | Challenge>(knock: () => Promise<T>): Promise<T> {
  const askedAt = Date.now()
  const answer = await alone(knock)
  if ('challenge' in answer) return answer
  renewal.took(answer, askedAt)
  switchTo(answer.user)
  tell({ type: 'began', userId: answer.user.id })
  return answer
}

export async function signOut(): Promise<void> {
  try {
    await endAlone(account.logout)
  } catch (error) {
    // Already over is what was wanted; anything else has to be said, as the session lives on.
    if (!(error instanceof ApiError && error.status === 401)) throw error
  }
  leave('You are signed out.', 'You signed out in another window.')
}

export async function deleteAccount(): Promise<void> {
  await endAlone(account.deleteMe)
  leave('Your account is deleted.', 'This account was deleted in another window.')
}

// Sockets hear of it first. While this holds the turn no window asks for tokens, and then it knows better.
function endAlone(request: () => Promise<void>): Promise<void> {
  return withTokens(() =>
    alone(async () => {
      await request()
      lease.write(null)
    }),
  )
}

// It ended by a wish of this window, which says something else than the others.
function leave(here: string, elsewhere: string): void {
  tell({ type: 'ended', notice: elsewhere })
  lease.write(null)
  forget()
  askToSignIn(here)
}

export function askToSignIn(why: string): void {
  notice = why
  navigate('/sign-in')
}

/** Back from sleep, from the network's absence or from another page: what was to be renewed may be overdue. */
export function watchSession(): void {
  const check = () => {
    if (document.visibilityState === 'visible') renewal.check()
  }
  addEventListener('online', check)
  addEventListener('pageshow', check)
  document.addEventListener('visibilitychange', check)
}

const STEADY_AFTER_MS = 5_000
let socketEndedAt = -Infinity

// A session whose idle time is over is taken up again by new tokens; one that ended is not.
connection.onEnded(async () => {
  if (user === null) return
  const now = Date.now()
  if (now - socketEndedAt < STEADY_AFTER_MS) return renewal.giveUp('session_ended')
  socketEndedAt = now
  try {
    await renewal.renew(now)
  } catch (error) {
    if (isOver(error)) return
    // The server is silent, which is no end: the socket tries again until it speaks.
  }
  if (user !== null) connection.start()
})
