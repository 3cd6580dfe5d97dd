import { PERCENT, PLUS } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'

/** Percent signs with two digits, and plus signs between words. */
export const url: Decoder = {
  name: 'URL encoding',
  suspects: (survey) =>
    (survey.has & (PERCENT | PLUS)) !== 0 && /%[0-9a-fA-F]{2}|\w\+\w{1,40}\+\w/.test(survey.whole()),
  decode: (survey) =>
    survey
      .whole()
      .replace(/(?<=\w)\+(?=\w)/g, ' ')
      .replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
        Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
      ),
}
