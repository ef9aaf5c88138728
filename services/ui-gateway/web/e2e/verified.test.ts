import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Complaints, enter, guessUntilAskedToWait, launch } from './browser'
import { mailedToken } from './mail'
import { startPlatform, type Platform } from './platform'

// A platform that proves addresses before it makes accounts, with the limits that people meet.

const person = { email: 'grace@example.org', handle: 'grace', password: 'a long enough passphrase 4' }
const complaints = new Complaints()
const SOON_MS = 10_000

let platform: Platform
let browser: Browser
let page: Page

beforeAll(async () => {
  platform = await startPlatform({ DEVMENTOR__AUTH__REGISTRATION: 'verified', DEVMENTOR__LIMITS__AUTH_PER_MINUTE: '5' })
  browser = await launch()
  page = await browser.newPage()
  page.setDefaultTimeout(SOON_MS)
  complaints.watch(page, 'page')
  complaints.expect(/status of 4\d\d/)
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

describe('where addresses are proven first', () => {
  it('signing up ends in a mail, whose link makes the account', async () => {
    await page.goto(`${platform.url}/sign-up`)
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Handle').fill(person.handle)
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByText(`We sent an email to ${person.email}`).waitFor()
    const token = await mailedToken(platform, person.email, 'verify-email')
    await page.goto(`${platform.url}/verify-email#token=${token}`)
    await page.getByLabel('Current password').fill(person.password)
    await page.getByRole('button', { name: 'Confirm address' }).click()
    await page.getByText('Your address is confirmed.').waitFor()
    await page.getByRole('link', { name: 'Continue' }).click()
    await enter(page, person.email, person.password)
    await page.getByTestId('new-project').waitFor()
    await page.goto(`${platform.url}/account`)
    await page.getByTestId('email-state').getByText('Confirmed', { exact: true }).waitFor()
    await page.getByRole('region', { name: 'Limits' }).getByText(/API requests/i).waitFor()
  })

  it('too many tries are asked to wait, and how long', async () => {
    await page.getByTestId('sign-out').click()
    await page.getByText('You are signed out.').waitFor()
    await guessUntilAskedToWait(page, person.email)
    await page.getByTestId('wait').getByText('That was a lot of tries in a short time.').waitFor()
    expect(await page.getByRole('timer').textContent()).toMatch(/^\d+ s$/)
    await page.getByText('You can try again now.').waitFor({ timeout: 20_000 })
    await enter(page, person.email, person.password)
    await page.getByTestId('new-project').waitFor()
    expect(complaints.all).toEqual([])
  })
})
