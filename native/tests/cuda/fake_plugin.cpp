// Stands for the CUDA plug-in where only the way to it is tested.
extern "C" const char* w2vbert_cuda_registration_failure() { return ""; }
