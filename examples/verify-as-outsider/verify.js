// Verifies a copy of a gateway's log, and a receipt, without asking the gateway anything. Its only import is @ostiary/evidence.
//
//   node verify.js <policy> <folder of the log> [<receipt> <entry.json>]
//
// Exit code 0: it is what a quorum of the policy's witnesses saw. 1: it is not, and each problem is named. 2: wrong usage.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalize, parsePolicy, verifyLog, verifyReceipt } from '@ostiary/evidence'

const [policyPath, folder, receiptPath, entryPath] = process.argv.slice(2)
if (policyPath === undefined || folder === undefined) {
  console.error('usage: node verify.js <policy> <folder of the log> [<receipt> <entry.json>]')
  process.exit(2)
}

const parsed = parsePolicy(await readFile(policyPath, 'utf8'))
if ('problem' in parsed) {
  console.error(`${policyPath}:${parsed.line} ${parsed.problem}`)
  process.exit(2)
}
const { policy } = parsed

const report = await verifyLog((path) => readFile(join(folder, path)).catch(() => undefined), { policy })
for (const { kind, index, detail } of report.problems)
  console.log(`${kind}${index === undefined ? '' : ` at entry ${index}`}: ${detail}`)
if (report.ok && report.witnessed) {
  console.log(`The log is whole: ${report.size} entries, ${report.witnessed.size} of them witnessed.`)
  for (const { witness, time } of report.witnessed.cosignatures)
    console.log(`  ${witness} saw it at ${new Date(time * 1000).toISOString()}`)
}

let isReceiptGood = true
if (receiptPath !== undefined && entryPath !== undefined) {
  const { entry } = JSON.parse(await readFile(entryPath, 'utf8'))
  const receipt = await readFile(receiptPath, 'utf8')
  const check = await verifyReceipt({ receipt, entry: new TextEncoder().encode(canonicalize(entry)), policy })
  isReceiptGood = check.ok
  console.log(
    check.ok
      ? `The entry is number ${check.index} of ${check.size}, witnessed by ${check.cosignatures?.map(({ witness }) => witness).join(', ')}.`
      : `The receipt does not verify: ${check.problem}.`,
  )
}

process.exitCode = report.ok && isReceiptGood ? 0 : 1
