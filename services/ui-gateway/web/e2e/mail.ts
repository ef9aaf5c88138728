import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until, type Platform } from './platform'

// The mail of a platform that writes it to files.

const SENT_WITHIN_MS = 10_000

interface Mail {
  file: string
  to: string
  /** All its parts, decoded. */
  text: string
}

/** The token of the newest link to this page that was sent to this address, and is not that of before. */
export async function mailedToken(platform: Platform, to: string, page: string, before?: string): Promise<string> {
  let found = ''
  await until(`a mail to ${to} with a link to ${page}`, SENT_WITHIN_MS, async () => {
    const tokens = mailsTo(platform, to).flatMap((mail) => tokensIn(mail, page))
    found = tokens.at(-1) ?? ''
    return (found !== '' && found !== before) || `${tokens.length} links`
  })
  return found
}

/** Waits for a mail to this address about these words. */
export async function mailed(platform: Platform, to: string, words: string): Promise<void> {
  await until(`a mail to ${to} about ${words}`, SENT_WITHIN_MS, async () => {
    const mails = mailsTo(platform, to)
    return mails.some((mail) => mail.text.includes(words)) || `${mails.length} mails`
  })
}

function mailsTo(platform: Platform, to: string): Mail[] {
  return mails(platform).filter((mail) => mail.to.includes(to))
}

// Ids are in the order in which they were made, and so are the names.
function mails(platform: Platform): Mail[] {
  const names = readdirSync(platform.mailDir).filter((name) => name.endsWith('.eml')).sort()
  return names.map((file) => {
    const raw = readFileSync(join(platform.mailDir, file), 'utf8').replaceAll('\r\n', '\n')
    return { file, to: /^To: (.*)$/m.exec(raw)?.[1] ?? '', text: partsOf(raw).join('\n') }
  })
}

function tokensIn(mail: Mail, page: string): string[] {
  return [...mail.text.matchAll(new RegExp(`/${page}#token=([\\w-]+)`, 'g'))].map((match) => match[1] ?? '')
}

function partsOf(raw: string): string[] {
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1]
  const parts = boundary ? raw.split(`--${boundary}`).slice(1) : [raw]
  return parts.map((part) => {
    const [head = '', ...body] = part.replace(/^\n/, '').split('\n\n')
    return decoded(body.join('\n\n'), /^content-transfer-encoding: *(\S+)/im.exec(head)?.[1]?.toLowerCase() ?? '7bit')
  })
}

function decoded(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body
  const bytes = body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
