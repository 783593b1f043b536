# What follows from the variables and from versions.yml: names, tags, paths, and what Ansible is told.

locals {
  root     = abspath("${path.root}/..")
  output   = abspath(var.output)
  tools    = var.tools != "" ? var.tools : "${local.root}/.venv/bin"
  versions = yamldecode(file("${local.root}/ansible/group_vars/all/versions.yml"))

  # An AMI's machine is always ours to wipe; a host is when its owner says so.
  disposable = var.host_address == "" || var.disposable
  reboots    = local.disposable || var.take_over

  project_version = split("\"", split("__version__ = \"", file("${local.root}/runner/__init__.py"))[1])[0]
  built_wheel     = "${local.output}/gpu_transcriber-${local.project_version}-py3-none-any.whl"
  wheel           = var.wheel != "" ? var.wheel : local.built_wheel
}

locals {
  flavour = var.gpu ? local.versions.torch_build.gpu : "cpu"
  python  = local.versions.python_version.ubuntu
  lock    = "${local.root}/ansible/locks/${local.flavour}-${local.python}.txt"
  driver  = local.versions.nvidia_driver_versions[local.versions.nvidia_driver_branch]
  pinned  = var.model_source == "hub" && var.model_id == local.versions.default_model.id

  # As pinned in versions.yml; that the machine has them is what the checks show.
  model = var.model_source == "demonstration" ? local.versions.demonstration_model.id : var.model_id
  revision = var.model_source == "demonstration" ? local.versions.demonstration_model.revision : (
    local.pinned ? try(coalesce(local.versions.default_model.revision), "unpinned") : "unpinned"
  )
}

locals {
  now          = timestamp()
  deprecate_at = timeadd(local.now, "${var.deprecate_after_days * 24}h")
  flavours     = var.gpu ? "driver${local.versions.nvidia_driver_branch}-${local.flavour}" : "cpu"
  name = join("-", [
    "gpu-transcriber",
    local.versions.image_series,
    local.flavours,
    formatdate("YYYYMMDDhhmm", local.now),
    substr("${var.git_sha}00000000", 0, 8),
  ])

  # Ours are known by Project. The versions are those asked for; scripts/record.py adds what the machine says it has.
  own_tags = merge(var.tags, {
    Project = "gpu-transcriber"
    Name    = local.name
    GitSha  = var.git_sha
  })
  tags = merge(local.own_tags, {
    SourceAmi     = "{{ .SourceAMI }}"
    SourceAmiName = "{{ .SourceAMIName }}"
    Kernel        = var.gpu ? "${local.versions.kernel_abi}-${local.versions.kernel_flavour}" : "distribution"
    Driver        = var.gpu ? "${local.driver}-${local.versions.nvidia_driver_flavour}" : "none"
    Cuda          = var.gpu ? local.versions.cuda_version : "none"
    Cudnn         = var.gpu ? local.versions.cudnn_version.ubuntu : "none"
    Python        = local.python
    Torch         = "${local.versions.torch_version}+${local.flavour}"
    Transformers  = local.versions.transformers_version[local.python]
    Model         = local.model
    ModelRevision = local.revision
    LockSha256    = try(sha256(file(local.lock)), "none")
  })
}

locals {
  ansible_environment = ["ANSIBLE_CONFIG=${local.root}/ansible/ansible.cfg", "ANSIBLE_HOST_KEY_CHECKING=False"]
  ansible_variables = jsonencode({
    gpu          = var.gpu
    disposable   = local.disposable
    take_over    = var.take_over
    model_source = var.model_source
    model_id     = var.model_id
    wheel        = abspath(local.wheel)
    git_sha      = var.git_sha
  })
}
