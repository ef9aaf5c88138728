import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Complaints, enter, launch, signUp, type Person } from './browser'
import { mailedToken } from './mail'
import { startPlatform, type Platform } from './platform'

// Addresses in the wrong hands: each window is a browser of its own, and somebody else's.

const SOON_MS = 10_000
const complaints = new Complaints()

let platform: Platform
let browser: Browser

async function openBrowser(name: string): Promise<Page> {
  const context = await browser.newContext()
  const page = await context.newPage()
  page.setDefaultTimeout(SOON_MS)
  complaints.watch(page, name)
  return page
}

interface Me {
  email: string
  pending_email: string | null
  email_verified: boolean
}

const meOf = (page: Page): Promise<Me> => page.evaluate(async () => ((await (await fetch('/api/me')).json()) as { user: Me }).user)

async function openLink(page: Page, to: string, name: string): Promise<void> {
  const token = await mailedToken(platform, to, name)
  await page.goto(`${platform.url}/${name}#token=${token}`)
}

async function changeAddress(page: Page, email: string, password: string): Promise<void> {
  await page.goto(`${platform.url}/account`)
  await page.getByRole('button', { name: 'Change address' }).click()
  const dialog = page.getByTestId('change-address')
  await dialog.getByLabel('New address').fill(email)
  await dialog.getByLabel('Current password').fill(password)
  await dialog.getByRole('button', { name: 'Change address' }).click()
}

async function proveAddress(page: Page, person: Person): Promise<void> {
  await openLink(page, person.email, 'verify-email')
  await page.getByRole('button', { name: 'Confirm address' }).click()
  await page.getByText('Your address is confirmed.').waitFor()
}

beforeAll(async () => {
  platform = await startPlatform()
  browser = await launch()
  // The browser itself reports each refusal.
  complaints.expect(/status of 4\d\d/, /WebSocket connection to/)
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

describe('an address with a typo', () => {
  const ada = { email: 'ada@example.org', handle: 'ada', password: 'a long enough passphrase 1' }
  const typo = 'ada@exmaple.org'
  let page: Page

  it('is asked for with the password, and waits', async () => {
    page = await openBrowser('ada')
    await signUp(page, platform.url, ada)
    await changeAddress(page, typo, 'not the passphrase')
    const dialog = page.getByTestId('change-address')
    await dialog.getByText('The password is wrong.').waitFor()
    await dialog.getByLabel('Current password').fill(ada.password)
    await dialog.getByRole('button', { name: 'Change address' }).click()
    await page.getByTestId('pending-email').getByText(typo).waitFor()
    expect(await meOf(page)).toMatchObject({ email: ada.email, pending_email: typo })
  })

  it('gives the stranger who gets its link nothing', async () => {
    const stranger = await openBrowser('stranger')
    await openLink(stranger, typo, 'confirm-address')
    const confirm = stranger.getByRole('button', { name: 'Confirm address' })
    await confirm.waitFor()
    expect(await confirm.isDisabled()).toBe(true)
    await stranger.getByLabel('Current password').fill('a guess of a stranger')
    await confirm.click()
    await stranger.getByRole('alert').waitFor()
    await signUp(stranger, platform.url, { email: 'eve@example.org', handle: 'eve', password: 'a long enough passphrase 6' })
    await openLink(stranger, typo, 'confirm-address')
    await confirm.click()
    await stranger.getByLabel('Current password').waitFor()
    expect(await meOf(page)).toMatchObject({ email: ada.email, pending_email: typo })
  })

  it('is dropped, and then its link does nothing even with the password', async () => {
    await page.getByRole('button', { name: 'Cancel change' }).click()
    await page.getByTestId('pending-email').waitFor({ state: 'detached' })
    await openLink(page, typo, 'confirm-address')
    await page.getByRole('button', { name: 'Confirm address' }).click()
    await page.getByRole('alert').waitFor()
    expect(await meOf(page)).toMatchObject({ email: ada.email, pending_email: null })
  })

  it('is typed right the next time, and counts after a click', async () => {
    const right = 'ada@example.net'
    await changeAddress(page, right, ada.password)
    await page.getByTestId('pending-email').getByText(right).waitFor()
    await openLink(page, right, 'confirm-address')
    await page.getByText(right).waitFor()
    expect(await meOf(page)).toMatchObject({ email: ada.email })
    await page.getByRole('button', { name: 'Confirm address' }).click()
    await page.getByText(`Your address is now ${right}`).waitFor()
    expect(await meOf(page)).toMatchObject({ email: right, pending_email: null, email_verified: true })
  })
})

describe('an account that somebody planted', () => {
  const victim = 'grace@example.org'
  const planted = { email: victim, handle: 'grace', password: 'a planted passphrase 2' }

  it('is taken over by who has the address, with nothing of before', async () => {
    const planter = await openBrowser('planter')
    await signUp(planter, platform.url, planted)
    await planter.goto(`${platform.url}/account/tokens`)
    await planter.getByTestId('new-token').click()
    await planter.getByLabel('Name').fill('trojan')
    await planter.getByRole('button', { name: 'Create token' }).click()
    const token = (await planter.getByTestId('token-text').textContent()) ?? ''
    await planter.getByRole('button', { name: 'Done' }).click()
    const asked = async () => (await fetch(`${platform.url}/api/projects`, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await asked()).toBe(200)

    const owner = await openBrowser('owner')
    await openLink(owner, victim, 'verify-email')
    await owner.getByLabel('I did not').check()
    await owner.getByText('ends everything that was there before').waitFor()
    await owner.getByLabel('New password').fill('password1')
    await owner.getByRole('button', { name: 'Take over the account' }).click()
    await owner.locator('[name=new_password][aria-invalid=true]').waitFor()
    expect(await asked()).toBe(200)
    await owner.getByLabel('New password').fill('the passphrase of its owner 3')
    await owner.getByRole('button', { name: 'Take over the account' }).click()
    await owner.getByText('The account is yours now.').waitFor()
    await planter.getByText('Your session has ended').waitFor()
    expect(await asked()).toBe(401)

    await enter(planter, victim, planted.password)
    await planter.getByRole('alert').waitFor()
    await enter(owner, victim, 'the passphrase of its owner 3')
    await owner.getByTestId('new-project').waitFor()
    expect(await meOf(owner)).toMatchObject({ email: victim, email_verified: true })
  })
})

describe('an address that a thief changed', () => {
  const mary = { email: 'mary@example.org', handle: 'mary', password: 'a long enough passphrase 7' }
  const elsewhere = 'mary@example.com'
  const nextPassword = 'what no thief knows 8'
  let page: Page
  let thief: Page

  it('is another one at once for who knows the password', async () => {
    page = await openBrowser('mary')
    await signUp(page, platform.url, mary)
    await proveAddress(page, mary)
    thief = await openBrowser('thief')
    await thief.goto(`${platform.url}/sign-in`)
    await enter(thief, mary.email, mary.password)
    await thief.getByTestId('new-project').waitFor()
    await changeAddress(thief, elsewhere, mary.password)
    await thief.getByTestId('pending-email').waitFor()
    await openLink(thief, elsewhere, 'confirm-address')
    await thief.getByRole('button', { name: 'Confirm address' }).click()
    await thief.getByText(`Your address is now ${elsewhere}`).waitFor()
    await thief.getByRole('link', { name: 'Continue' }).click()
    await thief.getByTestId('new-project').waitFor()
  })

  it('comes back by the email to the old one, after a click, and the thief is out', async () => {
    await openLink(page, mary.email, 'undo-address')
    await page.getByText('The password stops working').waitFor()
    expect(await meOf(thief)).toMatchObject({ email: elsewhere })
    await page.getByRole('button', { name: 'Bring back my address' }).click()
    await page.getByText('Check your email to set a new password').waitFor()
    await thief.getByText('Your session has ended').waitFor()
    await enter(thief, mary.email, mary.password)
    await thief.getByRole('alert').waitFor()
  })

  it('gets a new password by the email that comes with it', async () => {
    await openLink(page, mary.email, 'reset-password')
    await page.getByLabel('New password').fill(nextPassword)
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByText('Your password is set.').waitFor()
    await enter(page, mary.email, nextPassword)
    await page.getByTestId('new-project').waitFor()
    expect(await meOf(page)).toMatchObject({ email: mary.email, pending_email: null, email_verified: true })
  })

  it('leaves what happened in the history', async () => {
    await page.goto(`${platform.url}/account/history`)
    for (const kind of ['email_change_requested', 'email_changed', 'email_change_undone']) {
      await page.locator(`[data-testid=event][data-type="devmentor.security.${kind}.v1"]`).waitFor()
    }
  })

  it('comes back once', async () => {
    await openLink(page, mary.email, 'undo-address')
    await page.getByRole('button', { name: 'Bring back my address' }).click()
    await page.getByRole('alert').waitFor()
    expect(await meOf(page)).toMatchObject({ email: mary.email })
    expect(complaints.all).toEqual([])
  })
})
