/** The public door: re-exports only. */
/// <reference lib="esnext.disposable" preserve="true" />

export type {
  Adapter,
  ChosenShape,
  LoadRequest,
  ModelOffer,
  OnKilled,
  ProcessAdapter,
  RequestedShape,
} from './adapters/adapter.ts';
export type { EngineChoice } from './adapters/named-engine.ts';
export type { LayoutName } from './addon/nexa-binding.ts';
export { AdmissionTimeoutError } from './admission/admission-timeout-error.ts';
export { InsufficientMemoryError, type RefusalNumbers } from './admission/insufficient-memory-error.ts';
export {
  type AnyMemoryGuardError,
  isMemoryGuardError,
  type PlainMemoryGuardError,
} from './admission/is-memory-guard-error.ts';
export { formatBytes, GiB, KiB, MiB, parseBytes } from './core/bytes.ts';
export type { CallInput } from './core/call-input.ts';
export type { Clock } from './core/clock.ts';
export { type ErrorCode, MemoryGuardError } from './core/errors.ts';
export type { ModelFormat } from './core/model-format.ts';
export type { ModelProcess, ProcessEnd } from './core/model-process.ts';
export type { OnnxSizes } from './core/onnx-sizes.ts';
export type { LadderStep, QuantizationName } from './core/quantizations.ts';
export type {
  CacheType,
  FootprintBasis,
  HeldFile,
  KvCacheType,
  LoadNeed,
  LoadParts,
  MemoryPressure,
  MemoryScope,
  MemorySnapshot,
  MemoryStatusLevel,
  ModelMemory,
  Quantization,
  ScopeKind,
  SensorReading,
} from './core/types.ts';
export { createMemoryGuard, type MemoryGuardOptions } from './create-memory-guard.ts';
export {
  type EngineFiles,
  type EstimateFootprintOptions,
  type EstimatorOptions,
  estimateFootprint,
  type Footprint,
  type FootprintPart,
} from './estimate-footprint.ts';
export type {
  DecisionEvent,
  DecisionEventName,
  DegradedEvent,
  DegradedReason,
  EvictedEvent,
  EvictionChoice,
  EvictionReason,
  GuardEvent,
  GuardEventBase,
  GuardEventName,
  GuardEventOf,
  GuardEvents,
  KilledEvent,
  LimitsEvent,
  LoadedEvent,
  StatusEvent,
  UnloadedEvent,
  WaitingEvent,
} from './events/guard-events.ts';
export type { Logger } from './events/publish-event.ts';
export type { CalibrationOption } from './footprint/calibration-option.ts';
export type { ModelRequirements } from './footprint/documented-requirements.ts';
export type { SessionSettings } from './footprint/onnx/session-settings.ts';
export type { GuardOptions } from './guard-options.ts';
export type {
  AnyClass,
  GuardableSdk,
  GuardedAt,
  GuardedBy,
  GuardedLoad,
  GuardedLoads,
  GuardedPaths,
  GuardedPipeline,
  GuardedPipelines,
  IntersectionOf,
  LoadsPipelines,
  OtherPipelineNames,
  PipelineName,
  PipelineOf,
} from './guarded-sdk.ts';
export type {
  DisposeMethodName,
  GuardedContext,
  GuardedLoadArguments,
  GuardedLoadOptions,
  GuardedModel,
  GuardedPathOptions,
  GuardedSessionOptions,
  GuardedSessions,
  LoadsModels,
  LoadsWhisper,
  MakesSessions,
  WithGuardedContexts,
} from './guarded-types.ts';
export type { OnLedgerFailure } from './ledger/ledger-failure.ts';
export type { LedgerEntry } from './ledger/ledger-record.ts';
export type { LedgerOption } from './ledger/open-ledger.ts';
export type { GuardLoadOptions, LoadCandidate, LoadChoice, LoadEstimate } from './load-calls/load-call-options.ts';
export type { GivenFootprint, LoadGuardOptions } from './loading/load-guard-options.ts';
export type { EvictChoice } from './loading/load-settings.ts';
export { type MachineReport, machineReport } from './machine-report.ts';
export type { EndableModel, GuardLedger, MemoryGuard, PlanOptions } from './memory-guard.ts';
export type { LoadedModel } from './models/loaded-model.ts';
export type { GuardedModelChoice } from './models/model-handle.ts';
export type { ObservedMemory } from './models/observe-load.ts';
export type { GuardStatus, WatchOptions } from './monitor/status-watch.ts';
export type { AdmissionRule, RuleVerdict } from './policy/admission-rules.ts';
export type { Candidate, CandidateVerdict, SmallerContexts } from './policy/choose-candidate.ts';
export type { Decision, RefusalHelp, RefusalReason } from './policy/decision.ts';
export type { MachineClass } from './policy/recommend-quantization.ts';
export type { MinFree } from './policy/reserves.ts';
export {
  type MemoryStats,
  type MemoryStatus,
  Qwen2MemoryManager,
  type Qwen2MemoryManagerOptions,
  Qwen2Quantization,
} from './qwen2-memory-manager.ts';
export type { ChatMessage, ChatSettings, ChatTurn, ContentPart } from './sdk/chat-messages.ts';
export type { NexaModel } from './sdk/nexa-model.ts';
export { NexaSDK } from './sdk/nexa-sdk.ts';
export type {
  Capabilities,
  EngineCacheType,
  FinishReason,
  FlashAttention,
  GenerateProfile,
  GenerateResult,
  LogLevel,
  LogListener,
  OpenedLibrary,
  Runtime,
  RuntimeDevice,
  RuntimeGenerate,
  RuntimeLoad,
  RuntimeModel,
  RuntimeName,
} from './sdk/runtime.ts';
export type { GenerateOptions, InitializeOptions, Isolation, LoadOptions } from './sdk/sdk-options.ts';
export { readMemory } from './sensors/read-memory.ts';
export type { ReadMemoryOptions } from './sensors/read-memory-options.ts';
export type { SpawnChoice, SpawnProgramOptions } from './spawn/spawn-options.ts';
export type { SpawnedProgram } from './spawn/spawned-program.ts';
export { type Guarded, withMemoryGuard } from './with-memory-guard.ts';
