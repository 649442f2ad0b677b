export { type AtomicWrite, ensurePrivateFolder, moveIntoPlace, removeFile, writeFileAtomic } from './atomic-file.ts'
export { passphraseFileBeside, unlockBeside } from './beside.ts'
export { nextBoot } from './boot.ts'
export { type ChainRecord, EVIDENCE_CHAIN } from './chain-format.ts'
export { type ReadChain, readChain } from './chain-read.ts'
export {
  type ChainedJournal,
  type ChainedJournalInit,
  type OpenedJournal,
  openChainedJournal,
} from './chained-journal.ts'
export { STORE_ERRORS, StoreError, type StoreErrorCode } from './errors.ts'
export { journalFilesIn } from './group-journal/files.ts'
export {
  type GroupJournal,
  type GroupJournalView,
  type OpenedGroupJournal,
  openGroupJournal,
} from './group-journal/journal.ts'
export { findGap, type JournalFile, readJournalFile, surveyJournalFile } from './group-journal/read.ts'
export { fileJournal, type Journal } from './journal.ts'
export {
  createKeyFile,
  type KeyFileOptions,
  type OfflineCopy,
  type OpenedKey,
  openKeyFile,
  writeOfflineCopy,
} from './key-file.ts'
export { openStore, type StoreInit } from './leveldb.ts'
export { readPrivateFile } from './private-file.ts'
export { generateStorageIdentity, sealerOf, sealTo } from './sealer.ts'
export { copySeedFile, createSeedFile, openSeedFile, readRawSeed, type SeedRecord } from './seed-file.ts'
export { type FileKeeper, fileKeeper } from './snapshot-keeper.ts'
export type * from './types.ts'
export { writeIdentityFile, writePassphraseFile } from './unlock.ts'
