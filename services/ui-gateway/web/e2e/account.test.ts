import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Complaints, createProject, enter, guessUntilAskedToWait, isLive, launch, signUp } from './browser'
import { mailed, mailedToken } from './mail'
import { startPlatform, until, type Platform } from './platform'
import { totp } from './totp'

// One person with two windows and a second device. Access tokens live for seconds, so that all of it
// happens while they come and go.

const TOKEN_SECONDS = 5
const SOON_MS = 10_000
const person = { email: 'ada@example.org', handle: 'ada', password: 'a long enough passphrase 1' }
const nextPassword = 'quite another passphrase 2'
const complaints = new Complaints()

let platform: Platform
let browser: Browser
let home: BrowserContext
let phone: BrowserContext
let a: Page
let b: Page
/** When new tokens were given to the browser at home. */
const renewals: number[] = []

async function openWindow(name: string, context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  page.setDefaultTimeout(SOON_MS)
  complaints.watch(page, name)
  return page
}

async function signIn(page: Page, password: string): Promise<void> {
  await page.goto(`${platform.url}/sign-in`)
  await enter(page, person.email, password)
  await page.getByTestId('new-project').waitFor()
}

const renewed = (count: number) =>
  until(`${count} renewals`, (count + 3) * TOKEN_SECONDS * 1_000, async () => renewals.length >= count || `${renewals.length}`)

const openSection = (page: Page, name: string) => page.getByRole('navigation', { name: 'Your account' }).getByRole('link', { name }).click()
const eventsOf = (page: Page, kind: string) => page.locator(`[data-testid=event][data-type="devmentor.security.${kind}.v1"]`)

beforeAll(async () => {
  platform = await startPlatform({ DEVMENTOR__JWT__ACCESS_TTL_SECONDS: String(TOKEN_SECONDS) })
  browser = await launch()
  home = await browser.newContext()
  phone = await browser.newContext({ userAgent: 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36' })
  // The browser itself reports each refusal.
  complaints.expect(/status of 4\d\d/, /WebSocket connection to/)
  home.on('response', (response) => {
    if (response.url().endsWith('/api/auth/refresh') && response.ok()) renewals.push(Date.now())
  })
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

describe('signing up', () => {
  it('says beside the field that a password is weak', async () => {
    a = await openWindow('A', home)
    await a.goto(`${platform.url}/sign-up`)
    await a.getByLabel('Email').fill(person.email)
    await a.getByLabel('Handle').fill(person.handle)
    await a.getByLabel('Password').fill('password1')
    await a.getByRole('button', { name: 'Create account' }).click()
    await a.locator('[name=password][aria-invalid=true]').waitFor()
    expect(await a.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('password')
  })

  it('makes an account and signs in', async () => {
    await signUp(a, platform.url, person)
    await createProject(a, 'Renewed', 'REN')
    const cookies = await home.cookies(`${platform.url}/api/auth/refresh`)
    expect(cookies.map((cookie) => [cookie.name, cookie.httpOnly]).sort()).toEqual([
      ['dm_access', true],
      ['dm_device', true],
      ['dm_refresh', true],
    ])
    expect(await a.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }))).not.toMatch(/dm_|eyJ/)
  })
})

describe('two windows', () => {
  it('stay signed in while tokens come and go, and one of them renews for both', async () => {
    b = await openWindow('B', home)
    await b.goto(a.url())
    await isLive(b)
    const from = renewals.length
    await renewed(from + 4)
    const gaps = renewals.slice(from).map((at, i, all) => at - (all[i - 1] ?? 0)).slice(1)
    expect(Math.min(...gaps)).toBeGreaterThan(TOKEN_SECONDS * 500)
    for (const page of [a, b]) {
      await isLive(page)
      expect(await page.evaluate(async () => (await fetch('/api/me')).status)).toBe(200)
    }
  })

  it('stay signed in while the server cannot be asked for tokens, and go on afterwards', async () => {
    await home.route('**/api/auth/refresh', (route) => route.abort())
    complaints.expect(/net::ERR_FAILED.*\/api\/auth\/refresh/)
    await until('the tokens are over', 4 * TOKEN_SECONDS * 1_000, async () => {
      const status = await a.evaluate(async () => (await fetch('/api/me')).status)
      return status === 401 || `${status}`
    })
    await a.getByRole('link', { name: 'All projects' }).click()
    await a.getByText('The server cannot be reached right now').first().waitFor()
    expect(new URL(a.url()).pathname).toBe('/')
    await home.unroute('**/api/auth/refresh')
    await a.getByRole('button', { name: 'Try again' }).click()
    await a.getByTestId('project').waitFor()
    await isLive(b)
  })

  it('are signed in and out together', async () => {
    await a.getByTestId('sign-out').click()
    await a.getByText('You are signed out.').waitFor()
    await b.getByText('You signed out in another window.').waitFor()
    expect(new URL(b.url()).pathname).toBe('/sign-in')
    await enter(a, person.email, person.password)
    await a.getByTestId('new-project').waitFor()
    await b.waitForURL(/\/projects\//)
    await isLive(b)
  })

  it('are told when a copy of their sign-in was used', async () => {
    const [old] = (await home.cookies(`${platform.url}/api/auth/refresh`)).filter((cookie) => cookie.name === 'dm_refresh')
    if (!old) throw new Error('there is no cookie to renew by')
    await renewed(renewals.length + 4)
    await home.addCookies([old])
    await a.getByText('An old copy of this sign-in was used').waitFor({ timeout: 3 * TOKEN_SECONDS * 1_000 })
    await b.getByText('An old copy of this sign-in was used').waitFor()
    await signIn(a, person.password)
    await b.close()
  })
})

describe('the account', () => {
  const isVerified = () => a.evaluate(async () => ((await (await fetch('/api/me')).json()) as { user: { email_verified: boolean } }).user.email_verified)

  it('proves its address by a click on the page of a link, which does not stay in the address bar', async () => {
    await a.goto(`${platform.url}/account`)
    await a.getByTestId('email-state').getByText('Not confirmed').waitFor()
    await a.getByRole('button', { name: 'Send the email again' }).click()
    await a.getByText(`An email is on its way to ${person.email}`).first().waitFor()
    const token = await mailedToken(platform, person.email, 'verify-email')
    await a.goto(`${platform.url}/verify-email#token=${token}`)
    await a.getByText(person.email).waitFor()
    expect([a.url(), await isVerified()]).toEqual([`${platform.url}/verify-email`, false])
    await a.getByRole('button', { name: 'Confirm address' }).click()
    await a.getByText('Your address is confirmed.').waitFor()
    await a.getByRole('banner').getByRole('link', { name: 'Your account' }).click()
    await a.getByTestId('email-state').getByText('Confirmed', { exact: true }).waitFor()
  })

  it('ends nothing by a link that was used', async () => {
    const token = await mailedToken(platform, person.email, 'verify-email')
    await a.goto(`${platform.url}/verify-email#token=${token}`)
    await a.getByRole('button', { name: 'The email is about another account' }).click()
    await a.getByLabel('I did not').check()
    await a.getByLabel('New password').fill('a trojan passphrase 5')
    await a.getByRole('button', { name: 'Take over the account' }).click()
    await a.getByRole('alert').waitFor()
    await a.getByRole('link', { name: 'your account' }).last().click()
    await a.getByTestId('email-state').getByText('Confirmed', { exact: true }).waitFor()
  })

  it('changes its handle, and shows it at once', async () => {
    await a.getByRole('textbox', { name: 'Handle' }).fill('countess')
    await a.getByRole('button', { name: 'Change handle' }).click()
    await a.getByRole('banner').getByText('countess').waitFor()
  })

  it('is downloaded as a document', async () => {
    const download = a.waitForEvent('download')
    await a.getByRole('button', { name: 'Download' }).click()
    expect((await download).suggestedFilename()).toBe('devmentor-countess.json')
  })
})

describe('a second factor', () => {
  let secret: string
  let recovery: string

  it('asks for the password again where the last sign-in is a while ago', async () => {
    const refuse = { status: 403, contentType: 'application/problem+json', body: '{"title":"Confirm","status":403,"code":"reauthentication_required"}' }
    await a.route('**/api/me/totp', (route) => route.fulfill(refuse), { times: 1 })
    await openSection(a, 'Security')
    await a.getByRole('button', { name: 'Set up' }).click()
    const dialog = a.getByTestId('reauthenticate')
    await dialog.getByLabel('Password').fill('not the passphrase')
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await dialog.getByText('The password is wrong.').waitFor()
    await dialog.getByLabel('Password').fill(person.password)
    await dialog.getByRole('button', { name: 'Confirm' }).click()
    await a.getByAltText(/^QR code/).waitFor()
  })

  it('is set up by a picture and a code, and gives recovery codes', async () => {
    const width = await a.getByAltText(/^QR code/).evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))
    expect(width).toBeGreaterThan(0)
    await a.getByText('It cannot be scanned?').click()
    secret = (await a.getByTestId('totp-secret').textContent()) ?? ''
    await a.getByLabel('Code').fill('000000')
    await a.getByRole('button', { name: 'Turn on' }).click()
    await a.locator('[name=code][aria-invalid=true]').waitFor()
    await a.getByLabel('Code').fill(totp(secret))
    await a.getByRole('button', { name: 'Turn on' }).click()
    await a.getByTestId('recovery-codes').waitFor()
    const codes = await a.getByTestId('recovery-codes').getByRole('listitem').allTextContents()
    expect(codes.length).toBeGreaterThanOrEqual(8)
    recovery = codes[0] ?? ''
    await a.getByRole('button', { name: 'I have kept them' }).click()
    await a.getByTestId('second-factor').getByText('On', { exact: true }).waitFor()
  })

  it('is the second step of a sign-in, where a recovery code may stand in', async () => {
    const page = await openWindow('phone', phone)
    await page.goto(`${platform.url}/sign-in`)
    await enter(page, person.email, person.password)
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByText('This code is not right').waitFor()
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click()
    await page.getByLabel('Recovery code').fill(recovery)
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.getByTestId('new-project').waitFor()
  })

  it('is turned off again', async () => {
    await a.getByRole('button', { name: 'Turn off' }).click()
    await a.getByTestId('confirm-action').click()
    await a.getByTestId('second-factor').getByText('Off', { exact: true }).waitFor()
  })
})

describe('devices', () => {
  it('are listed, and one is signed out from another', async () => {
    const there = phone.pages()[0] as Page
    await openSection(a, 'Devices')
    const device = a.getByTestId('device').filter({ hasText: 'Chrome on Android' })
    await device.getByText('127.0.0.1').waitFor()
    expect(await a.locator('[data-testid=device][data-current=true]').count()).toBe(1)
    await device.getByRole('button', { name: 'Sign out' }).click()
    await device.waitFor({ state: 'detached' })
    await there.getByText('Your session has ended').waitFor()
    expect(new URL(there.url()).pathname).toBe('/sign-in')
  })

  it('are all signed out but this one', async () => {
    const there = phone.pages()[0] as Page
    await signIn(there, person.password)
    await a.reload()
    await a.getByRole('button', { name: 'Sign out all other devices' }).click()
    await a.getByTestId('confirm-action').click()
    await there.getByText('Your session has ended').waitFor()
    await until('one device is left', SOON_MS, async () => {
      const count = await a.getByTestId('device').count()
      return count === 1 || `${count}`
    })
  })
})

describe('machine tokens', () => {
  let token: string
  const today = () => new Date().toISOString().slice(0, 10)
  const asked = async () => (await fetch(`${platform.url}/api/projects`, { headers: { authorization: `Bearer ${token}` } })).status

  it('are made, shown once, and used', async () => {
    await openSection(a, 'Machine tokens')
    await a.getByTestId('new-token').click()
    const form = a.getByTestId('token-form')
    await form.getByLabel('Name').fill('nightly')
    expect(await form.getByLabel('Expires').inputValue()).toBe('90')
    await form.getByRole('button', { name: 'Create token' }).click()
    token = (await form.getByTestId('token-text').textContent()) ?? ''
    expect(token).toMatch(/^dmp_/)
    await form.getByRole('button', { name: 'Done' }).click()
    expect(await asked()).toBe(200)
    const made = await a.evaluate(async () => (await (await fetch('/api/me/tokens')).json()) as { items: { expires_on: string }[] })
    await mailed(platform, person.email, 'machine token')
    expect(made.items.map((each) => Date.parse(each.expires_on) - Date.parse(today()))).toEqual([90 * 86_400_000])
    await a.reload()
    await a.getByTestId('token').filter({ hasText: 'nightly' }).waitFor()
    expect(await a.content()).not.toContain(token)
  })

  it('are revoked at once', async () => {
    await a.getByRole('button', { name: 'Revoke nightly' }).click()
    await a.getByTestId('confirm-action').click()
    await a.getByText('No machine tokens yet.').waitFor()
    expect(await asked()).toBe(401)
  })
})

describe('a forgotten password', () => {
  it('is set anew by a mail, and signs out everywhere', async () => {
    const page = phone.pages()[0] as Page
    await signIn(page, person.password)
    const stranger = await openWindow('stranger', await browser.newContext())
    await stranger.goto(`${platform.url}/sign-in`)
    await stranger.getByRole('link', { name: 'Forgot password?' }).click()
    await stranger.getByLabel('Email').fill(person.email)
    await stranger.getByRole('button', { name: 'Send the email' }).click()
    await stranger.getByText('an email is on its way').waitFor()
    const token = await mailedToken(platform, person.email, 'reset-password')
    await stranger.goto(`${platform.url}/reset-password#token=${token}`)
    await stranger.getByLabel('New password').fill('password1')
    expect(stranger.url()).toBe(`${platform.url}/reset-password`)
    await stranger.getByRole('button', { name: 'Set password' }).click()
    await stranger.locator('[name=new_password][aria-invalid=true]').waitFor()
    await stranger.getByLabel('New password').fill(nextPassword)
    await stranger.getByRole('button', { name: 'Set password' }).click()
    await stranger.getByText('Your password is set.').waitFor()
    await page.getByText('Your session has ended').waitFor()
    await a.getByText('Your session has ended').waitFor()
    await stranger.context().close()
  })

  it('is the only one that counts from then on, and changing it takes it', async () => {
    await enter(a, person.email, person.password)
    await a.getByRole('alert').waitFor()
    await enter(a, person.email, nextPassword)
    await a.waitForURL('**/account/tokens')
    await openSection(a, 'Security')
    const form = a.getByTestId('change-password')
    expect(await form.getByLabel('Also revoke machine tokens').isChecked()).toBe(true)
    await form.getByLabel('Current password').fill(person.password)
    await form.getByLabel('New password').fill('yet another passphrase 3')
    await form.getByRole('button', { name: 'Change password' }).click()
    await form.getByText('This is not your password.').waitFor()
    await form.getByLabel('Current password').fill(nextPassword)
    await form.getByRole('button', { name: 'Change password' }).click()
    await a.getByText('Password changed.').first().waitFor()
  })
})

describe('the history', () => {
  it('tells what happened, newest first, and can be narrowed', async () => {
    await openSection(a, 'History')
    for (const kind of ['password_changed', 'password_reset', 'machine_token_revoked', 'second_factor_enabled', 'token_reused']) {
      await eventsOf(a, kind).first().waitFor()
    }
    expect(await a.getByTestId('event').first().getAttribute('data-type')).toBe('devmentor.security.password_changed.v1')
    await a.getByLabel('What happened').selectOption('recovery_code_used')
    await until('only recovery codes are shown', SOON_MS, async () => {
      const types = await a.getByTestId('event').evaluateAll((events) => events.map((event) => event.getAttribute('data-type')))
      return types.join() === 'devmentor.security.recovery_code_used.v1' || types.join()
    })
  })
})

describe('the end', () => {
  it('of guessing is a lock, told kindly and with its time', async () => {
    const page = await openWindow('guesser', await browser.newContext())
    await page.goto(`${platform.url}/sign-in`)
    await guessUntilAskedToWait(page, 'nobody@example.org')
    await page.getByTestId('wait').getByText(/locked for a while/).waitFor()
    expect(await page.getByRole('timer').textContent()).toMatch(/^1[45] min \d\d s$/)
    expect(await page.getByRole('button', { name: 'Sign in' }).isDisabled()).toBe(true)
    await page.getByLabel('Email').fill('somebody.else@example.org')
    expect(await page.getByRole('button', { name: 'Sign in' }).isEnabled()).toBe(true)
    await page.context().close()
  })

  it('of an account takes its name, and signs out', async () => {
    await openSection(a, 'Account')
    await a.getByRole('button', { name: 'Delete my account' }).click()
    const dialog = a.getByTestId('delete-account')
    expect(await dialog.getByRole('button', { name: 'Delete account' }).isDisabled()).toBe(true)
    await dialog.getByLabel('Type countess to go on').fill('countess')
    await dialog.getByRole('button', { name: 'Delete account' }).click()
    await a.getByText('Your account is deleted.').waitFor()
    expect(complaints.all).toEqual([])
  })
})
