# What may be chosen of every build, on AWS or on a host. Versions are not chosen here: versions.yml has them.

variable "gpu" {
  type        = bool
  default     = true
  description = "Bake for an NVIDIA GPU: kernel, driver, CUDA, and torch built for it. false: for the processor."
}

variable "disposable" {
  type        = bool
  default     = false
  description = "The host is ours to wipe: sysprep and the hygiene checks run. Always so on AWS."
}

variable "take_over" {
  type        = bool
  default     = false
  description = "On a host that one owns, also set its kernel, NVIDIA driver, CUDA, SSH and firewall, and reboot it."
}

variable "model_source" {
  type        = string
  default     = "hub"
  description = "Where the model comes from: hub, demonstration, or a folder on this computer with a checkpoint in it."

  validation {
    condition     = length(var.model_source) > 0
    error_message = "The model_source must be hub, demonstration or a folder."
  }
}

variable "model_id" {
  type        = string
  default     = "KBLab/kb-whisper-small"
  description = "The model of the hub that is baked in, as owner/name."

  validation {
    condition     = can(regex("^[A-Za-z0-9][\\w.-]*/[\\w.-]+$", var.model_id))
    error_message = "The model_id must be owner/name, such as KBLab/kb-whisper-small."
  }
}

variable "wheel" {
  type        = string
  default     = ""
  description = "This project's built wheel. Empty: it is built from this checkout."

  validation {
    condition     = var.wheel == "" || can(regex("\\.whl$", var.wheel))
    error_message = "The wheel must be the path of a file that ends in .whl."
  }
}

variable "git_sha" {
  type        = string
  default     = "unknown"
  description = "The commit that is baked; goes into the image's name, tags and record."

  validation {
    condition     = can(regex("^([0-9a-f]{8,40}(-dirty)?|unknown)$", var.git_sha))
    error_message = "The git_sha must be 8 to 40 hexadecimal digits, with -dirty after it if files differ, or unknown."
  }
}

variable "output" {
  type        = string
  default     = "build/image"
  description = "The folder for manifest.json, checks.json, junit.xml, inventory.json and the wheel."

  validation {
    condition     = length(var.output) > 0
    error_message = "The output must be a folder."
  }
}

variable "tools" {
  type        = string
  default     = ""
  description = "The folder of ansible-playbook, pytest, python and uv. Empty: .venv/bin of this checkout."

  validation {
    condition     = var.tools == "" || can(regex("^/", var.tools))
    error_message = "The tools must be an absolute folder."
  }
}

variable "reboot_pause" {
  type        = string
  default     = "10s"
  description = "How long after a reboot was asked for the machine is first tried again."

  validation {
    condition     = can(regex("^[0-9]+s$", var.reboot_pause))
    error_message = "The reboot_pause must be a number of seconds, such as 10s."
  }
}
