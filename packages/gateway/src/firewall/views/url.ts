import type { Decoder } from './decoder.ts'

/** Percent signs with two digits, and plus signs between words. */
export const url: Decoder = {
  name: 'URL encoding',
  suspects: (text) => /%[0-9a-fA-F]{2}|\w\+\w{1,40}\+\w/.test(text),
  decode: (text) =>
    text
      .replace(/(?<=\w)\+(?=\w)/g, ' ')
      .replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
        Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
      ),
}
