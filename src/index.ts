// The face of the package for programs. Everything here also serves the command line.

// Errors.
export { exitCode, type Fault, ScopeError } from "./base/error.ts";

// Graphs: building, understanding, cutting, reading and writing them.
export { Builder } from "./graph/builder.ts";
export { bind } from "./graph/bind.ts";
export type { Attribute, Dim, Graph, Initializer, Node, ValueInfo } from "./graph/graph.ts";
export { readModel } from "./onnx/read.node.ts";
export { writeModel, type WriteModelOptions } from "./onnx/write.node.ts";
export { type DType, float32, type Tensor } from "./tensor/tensor.ts";
export type { Safetensors } from "./safetensors/decode.ts";
export { readSafetensors } from "./safetensors/read.node.ts";
export { writeSafetensors } from "./safetensors/write.node.ts";

// Gradients and training steps as graphs.
export { differentiate, type DifferentiateOptions } from "./autodiff/differentiate.ts";
export { flatten, unflatten, withWeights } from "./autodiff/flat.ts";
export { buildStep, type ParameterRole, type StepGraph, type StepOptions } from "./autodiff/step.ts";

// Networks, images, training.
export { buildModel, initialise, type ModelSpec } from "./models/model.ts";
export type { Model, ModelIo, ParameterInfo } from "./models/types.ts";
export { describe as describeModel } from "./models/describe.ts";
export { Batcher, imageSource } from "./data/batch.ts";
export { type DataPlan, defaultCache, loadData, planData } from "./data/load.node.ts";
export { describeSet, listSets, prepareSet } from "./data/prepare.node.ts";
export type { DataEnv, DataSpec, LoadedData, Split } from "./data/types.ts";
export { openRuntime } from "./runtime/ort.node.ts";
export type { Device, Runtime, Session } from "./runtime/session.ts";
export { type Evaluation, type Evaluator, openEvaluator } from "./train/evaluate.ts";
export { evaluationSteps, type Recipe, recipeSchema, totalSteps } from "./train/recipe.ts";
export { openTrainer, type Trainer, type TrainState } from "./train/trainer.ts";

// Finished work, and getting more of it done.
export type { Cell } from "./store/cell.node.ts";
export { type Address, addressOf, type CellSpec } from "./store/spec.ts";
export { openStore, type Store, type StoreOptions } from "./store/store.node.ts";
export type { SweepEvent } from "./sweep/event.ts";
export type { CellContext, CellKind } from "./sweep/kind.ts";
export { runGraph, type RunOptions } from "./sweep/run.node.ts";
export { serveWorker } from "./sweep/worker.node.ts";

// The transfer study and its report.
export { type StudyConfig, studySchema } from "./study/config.ts";
export * as presets from "./study/presets/index.ts";
export type { StudyCost, StudyResults } from "./study/results.ts";
export { planStudy, runStudy, type StudyEnv, type StudyOutcome } from "./study/run.node.ts";
export { trainedModel } from "./cells/trained.node.ts";
export { answer } from "./study/words.ts";
export { writeReport } from "./report/write.node.ts";

// What basins are measured with: symmetries, alignment, repair, points of weight space, averages.
export { describeSymmetry } from "./symmetry/describe.ts";
export { permute } from "./symmetry/permute.ts";
export { symmetries } from "./symmetry/symmetries.ts";
export type { Permutations, Space, Symmetry } from "./symmetry/types.ts";
export { matchActivations } from "./align/activations.ts";
export { assign } from "./align/assign.ts";
export { proveAlignment } from "./align/prove.ts";
export { straightThrough } from "./align/straight-through.ts";
export { matchWeights } from "./align/weights.ts";
export { openRenormalizer, type Renormalizer } from "./repair/renormalize.ts";
export { openRepair, type Repair } from "./repair/repair.ts";
export { barriers } from "./landscape/barriers.ts";
export { trainBezier } from "./landscape/bezier.ts";
export { openPoints } from "./landscape/points.ts";
export { movingAverage, uniform } from "./soup/average.ts";
export { greedySoup } from "./soup/greedy.ts";
export { learnSoup } from "./soup/learn.ts";
export { quality } from "./soup/quality.ts";

// Basins: paths and planes between networks, alignment, averages, instability along training.
export { type AlignOutcome, type AlignRequest, runAlign } from "./basin/align.node.ts";
export { type BarrierOutcome, type BarrierRequest, planBarrier, runBarrier } from "./basin/barrier.node.ts";
export { type InstabilityConfig, instabilitySchema } from "./basin/instability-config.ts";
export { type InstabilityOutcome, previewInstability, runInstability } from "./basin/instability.node.ts";
export { type PlaneOutcome, type PlaneRequest, planPlane, runPlane } from "./basin/plane.node.ts";
export type { BarrierResults, InstabilityResults, PlaneResults, SoupResults } from "./basin/results.ts";
export { planSoup, runSoup, type SoupOutcome, type SoupRequest } from "./basin/soup.node.ts";
export type { NamedModel } from "./basin/subjects.node.ts";
export type { BasinEnv } from "./basin/sweep.node.ts";
export { importModel, openModels } from "./cells/import.node.ts";
export { type Network, networkOf } from "./cells/network.node.ts";

// Criticality: modules moved between initial and final weights, shaken, set back.
export { openModule, type OpenModule } from "./sensitivity/module-run.ts";
export { lookAtModule } from "./sensitivity/look.ts";
export { type DrawLook, sampleMap } from "./sensitivity/sampling.ts";
export { controlled } from "./sensitivity/control.ts";
export { criticalityOf, mapCells } from "./sensitivity/measures.ts";
export { moduleScale } from "./sensitivity/scale.ts";
export type { Criticality, Edge, MapCell, NoiseScale, Place, SampledMap } from "./sensitivity/types.ts";
export type { InitialChoice } from "./criticality/beginnings.node.ts";
export {
  type CriticalityOutcome,
  type CriticalityRequest,
  planCriticality,
  runCriticality,
} from "./criticality/criticality.node.ts";
export type { CriticalityResults, RewindResults } from "./criticality/results.ts";
export { planRewind, runRewind, type RewindOutcome, type RewindRequest } from "./criticality/rewind.node.ts";
